"""Requests that schemathesis derives from /docs.json, fitting and unfitting, the same ones every time.

They go to the address given, which is to be a server of one's own on this machine. The number is bounded.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SECONDS = 30
"""For one answer."""

UNCHECKED = "positive_data_acceptance"
"""Bytes that fit the description are still no image, so they may be refused."""


@dataclass(frozen=True)
class Described:
    """How a service keeps to its description.

    Attributes:
        requests: How many were sent.
        problems: Kinds of answers that it does not describe: a 5xx, another status, another type or other fields, a
            method or a request without a token that is taken.
        text: What schemathesis says, with the requests that show it.
    """

    requests: int
    problems: int
    text: str


def send_described(url: str, examples: int, folder: Path, headers: Mapping[str, str] | None = None) -> Described:
    """Send requests to every operation and compare the answers with the description.

    Args:
        url: Address of the service, without a path.
        examples: Random requests per operation, at most; those at the limits of each field come on top.
        folder: Takes the report.
        headers: Sent with every request.

    Raises:
        RuntimeError: There is no description, or schemathesis fails.
    """
    report = folder / "described.json"
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/docs.json", "--no-color"]
    command += ["--phases", "coverage,fuzzing", "--generation-deterministic", "--max-examples", str(examples)]
    command += ["--exclude-checks", UNCHECKED, "--continue-on-failure", "--suppress-health-check", "all"]
    command += ["--request-timeout", str(SECONDS), "--report-json-path", str(report)]
    for name, value in (headers or {}).items():
        command += ["--header", f"{name}: {value}"]
    environment = os.environ | {"NO_PROXY": "127.0.0.1"}
    # It keeps what failed in its working directory and would send that again first.
    finished = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if not report.is_file():
        raise RuntimeError(f"schemathesis ended with {finished.returncode}:\n{finished.stdout}{finished.stderr}")
    found = json.loads(report.read_text(encoding="utf-8"))
    problems = len(found["failures"]) + len(found["errors"])
    if (finished.returncode == 0) != (problems == 0):
        raise RuntimeError(f"schemathesis ended with {finished.returncode}:\n{finished.stdout}{finished.stderr}")
    return Described(found["test_cases"]["generated"], problems, finished.stdout)
