"""Measurements of csad: detection (`make measure`), speed (`make bench`), a check on real images for CI."""
