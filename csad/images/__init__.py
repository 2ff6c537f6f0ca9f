"""Images on disk: the folder layout, the one reader, the check of every file."""

from csad.images.inspection import FileFormat, Inspection, inspect, scan, scan_for_evaluation
from csad.images.layout import ground_truth_masks
from csad.images.reading import decode_rgb, read_rgb
from csad.images.records import ImageFile, ImageProblem, ImageSet

__all__ = [
    "FileFormat",
    "ImageFile",
    "ImageProblem",
    "ImageSet",
    "Inspection",
    "decode_rgb",
    "ground_truth_masks",
    "inspect",
    "read_rgb",
    "scan",
    "scan_for_evaluation",
]
