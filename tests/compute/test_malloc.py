"""Freed buffers are reused, or go back where a service has loaded its model."""

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

TRIMMED = """
from pathlib import Path
from csad.compute.malloc import release_freed_memory

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024

held = [bytearray(b"x" * 2000) for _ in range(50_000)]  # 100 MB in blocks of the heap
del held[:-1]  # the last one holds the heap's end in place
before = resident()
assert release_freed_memory()
print(before - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc takes the setting")
def test_buffers_of_a_step_are_mapped_once():
    assert _page_faults("keep") < _page_faults("as it is") / 20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc can be asked")
def test_what_reading_a_model_freed_goes_back():
    run = subprocess.run([sys.executable, "-c", TRIMMED], check=True, capture_output=True, text=True)

    assert float(run.stdout) > 80


def _page_faults(mode: str) -> int:
    run = subprocess.run([sys.executable, "-c", FAULTS, mode], check=True, capture_output=True, text=True)
    return int(run.stdout)
