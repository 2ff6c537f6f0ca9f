"""Freed buffers are reused."""

import subprocess
import sys

import pytest

FAULTS = """
import resource
import sys
import numpy as np
from csad.compute.malloc import tune_malloc

if sys.argv[1] == "keep":
    assert tune_malloc()
for _ in range(50):
    np.ones(40 * 2**20, dtype=np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    np.ones(40 * 2**20, dtype=np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc takes the setting")
def test_buffers_of_a_step_are_mapped_once():
    assert _page_faults("keep") < _page_faults("as it is") / 20


def _page_faults(mode: str) -> int:
    run = subprocess.run([sys.executable, "-c", FAULTS, mode], check=True, capture_output=True, text=True)
    return int(run.stdout)
