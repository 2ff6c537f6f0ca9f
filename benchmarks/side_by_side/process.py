"""A contender's process: loads, scores one image, then scores what it is asked to; answers in lines of JSON.

Needs numpy and what its method needs, so that it runs in the environment of another project.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.side_by_side.loading import load, peak_memory


def main() -> None:
    """Serve `turns.Running`: KIND PATH RUNTIME THREADS INPUTS; a line of image numbers on the input is a call."""
    kind, path, runtime, threads, inputs = sys.argv[1:]
    # Libraries that print must not print among the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(**fields: Any) -> None:
        print(json.dumps(fields), file=answers, flush=True)

    with np.load(inputs) as stored:
        images = [stored[name] for name in stored.files]
    loaded = load(kind, Path(path), runtime, int(threads))
    loaded.call(images[:1])
    answer(processors=time.process_time(), memory=peak_memory(), precision=loaded.precision, version=loaded.version)
    for line in sys.stdin:
        batch = [images[index % len(images)] for index in json.loads(line)]
        clock, processors = time.perf_counter(), time.process_time()
        loaded.call(batch)
        answer(
            clock=time.perf_counter() - clock,
            processors=time.process_time() - processors,
            memory=peak_memory(),
        )


if __name__ == "__main__":
    main()
