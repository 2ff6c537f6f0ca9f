"""From trained parts to a model, on good images alone: scales, weights, threshold."""
