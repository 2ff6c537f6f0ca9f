"""Packages like the component does, in a process that a test kills: LINE.yaml IMAGES MODEL EVALUATION GATE."""

import sys
from pathlib import Path

from csad.packaging.task import Artifacts, run_packaging

line, images, model, evaluation, gate = sys.argv[1:]
print(run_packaging(Path(line).read_text(), 3, "0" * 64, Artifacts(images, model, evaluation, gate)))
