"""Made-up product lines, drawn: seven more kinds of products to detect on, in LOCO layout with masks."""
