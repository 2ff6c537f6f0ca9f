"""Container images of the components."""

import os
from importlib import metadata

TRAIN_IMAGE = os.environ.get("CSAD_TRAIN_IMAGE") or f"csad-train:{metadata.version('csad')}"
"""Runs every training and evaluation stage; holds csad, kfp and nothing to install."""
