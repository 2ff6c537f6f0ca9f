"""Pixels, without models: canvas, foreground, light, component masks, heat maps."""
