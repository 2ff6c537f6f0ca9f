"""Made-up product lines, drawn: five more kinds of products to detect on, in LOCO layout with masks."""
