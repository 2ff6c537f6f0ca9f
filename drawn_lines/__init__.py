"""Made-up product lines, drawn: seven more kinds of products to detect on, in LOCO layout with masks.

`fastener_kit/` renders the images of examples/fastener_kit again; it needs Blender and nothing else of this package.
"""
