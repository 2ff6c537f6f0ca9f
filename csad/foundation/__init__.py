"""Pretrained networks of the pseudo-labels: RAM++ tags, Grounding DINO boxes, SAM-HQ masks (paper 3.1)."""
