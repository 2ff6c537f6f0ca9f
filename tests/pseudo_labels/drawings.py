"""Masks drawn by hand."""

import numpy as np


def box(height, width, top, left, rows, columns):
    mask = np.zeros((height, width), dtype=bool)
    mask[top : top + rows, left : left + columns] = True
    return mask


def bar(height, width, centre, length, thickness, degrees):
    """A bar at an angle, its long side `length`, around `centre` (x, y)."""
    y, x = np.mgrid[:height, :width] + 0.5
    angle = np.deg2rad(degrees)
    along = (x - centre[0]) * np.cos(angle) + (y - centre[1]) * np.sin(angle)
    across = -(x - centre[0]) * np.sin(angle) + (y - centre[1]) * np.cos(angle)
    return (np.abs(along) <= length / 2) & (np.abs(across) <= thickness / 2)
