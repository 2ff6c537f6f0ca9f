"""Run the masks stage with tiny models and kill it at random moments: `LINE IMAGES TAGS OUTPUT KILLS`.

A process of its own, with one thread: its children are forks, which share the models and start at once.
"""

import json
import math
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch

from csad.config.line import ProductLine
from csad.foundation import building
from csad.foundation.grounding import Grounding
from csad.foundation.sam import SamHq
from csad.stages import masks
from tests.foundation.tiny_models import tiny_grounding_dino, tiny_sam, write_toy_bert

LONGEST = 1.0
"""Seconds until every second kill, at most: about the time of an image."""


def tiny_builders(bert):
    """Stand-ins for `build_grounding` and `build_sam` that need no published weights."""
    network, sam = tiny_grounding_dino(write_toy_bert(bert)), tiny_sam(seed=1)
    return (lambda settings, device: Grounding(network, device, settings, 64, 96)), (
        lambda settings, device: SamHq(sam)
    )


def main(line, images, tags, output, kills):
    torch.set_num_threads(1)
    moments = random.Random(int(kills))
    with tempfile.TemporaryDirectory() as bert:
        building.build_grounding, building.build_sam = tiny_builders(Path(bert))
        killed, done = 0, [0]
        for number in range(int(kills)):
            child = fork(line, images, tags, output)
            wait_for_an_image(child, output, done[-1], math.inf if number % 2 else moments.uniform(0.02, LONGEST))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            killed += os.WIFSIGNALED(status)
            done.append(whole_images(output))
        _, status = os.waitpid(fork(line, images, tags, output), 0)
    print(json.dumps({"killed": killed, "done": done, "exit": os.waitstatus_to_exitcode(status)}))


def fork(line, images, tags, output):
    child = os.fork()
    if child == 0:
        try:
            masks.run(ProductLine.from_file(Path(line)), Path(images), Path(tags), Path(output))
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return child


def wait_for_an_image(child, output, before, longest):
    """Wait until one more is done, so that no machine is too fast to be killed, or for some seconds."""
    latest = time.monotonic() + longest
    while whole_images(output) == before and time.monotonic() < latest and not has_ended(child):
        time.sleep(0.01)


def has_ended(child):
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def whole_images(output):
    """Count the images that are done; every file that can be seen must be whole."""
    seen = [path for path in Path(output).rglob("*.json") if not path.name.startswith(".")]
    for path in seen:
        json.loads(path.read_text())
    return len([path for path in seen if path.parent.name == masks.RULES])


if __name__ == "__main__":
    main(*sys.argv[1:])
