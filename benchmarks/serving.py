"""What serving adds to scoring: latency, throughput, memory, start, hostile requests. All on this machine.

Run `make measure-serving` after `make demo`, or `python -m benchmarks.serving MODEL --images FOLDER`. The clients
share the processors with the server, so a busy machine, or one with few processors, shows in every figure. The exit
code is 1 where a target is missed. With `--against torch` (a runtime, or the folder of another checkout) servers take
turns under load instead, and a table says what each needs.
"""

import argparse
import http.client
import itertools
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import psutil

from benchmarks.datasets import EXAMPLE, ROOT
from benchmarks.described import send_described
from benchmarks.hostile import UNFINISHED, hostile_requests, send
from benchmarks.measurement import machine
from benchmarks.serving_sides import OURS, Side, compare, report
from csad.common.progress import track
from csad.images.reading import EXTENSIONS
from csad.serving.proxy import opener_for

MODEL = ROOT / "demo" / "model"
IMAGES = EXAMPLE / "data" / "test" / "good"
CLIENTS = 16
PARTS = ("start", "latency", "throughput", "hostile", "saturation")
READY_SECONDS = 120
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Server:
    """A running `csad serve` on 127.0.0.1."""

    port: int
    process: subprocess.Popen[bytes]
    ready_after: float

    @property
    def processes(self) -> list[psutil.Process]:
        """The supervisor and its children."""
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    @property
    def worker(self) -> psutil.Process:
        """The process that holds the model."""
        return max(self.processes[1:], key=lambda child: child.memory_info().rss)


@contextmanager
def serving(model: Path, folder: Path, side: Side = OURS) -> Iterator[Server]:
    """Start the command of a side, wait until it is ready, end it afterwards."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    environment = os.environ | side.variables | {"BENTOML_HOME": str(folder / "bentoml"), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "csad.cli", "serve", str(model.resolve()), "--port", str(port)]
    began = time.perf_counter()
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=side.checkout)
    try:
        while not _ready(port):
            if process.poll() is not None or time.perf_counter() - began > READY_SECONDS:
                sys.exit(f"the server did not start:\n{(folder / 'server.log').read_text()}")
            time.sleep(0.02)
        yield Server(port, process, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(60)


def _ready(port: int) -> bool:
    try:
        ready = f"http://127.0.0.1:{port}/readyz"
        with opener_for(ready).open(ready, timeout=5):
            return True
    except OSError:
        return False


@dataclass
class Tally:
    """What clients saw.

    Attributes:
        seconds: Duration of each answered request.
        overheads: The same less the time that the scorer took.
        statuses: Answers per HTTP status; 0 where the connection failed.
    """

    seconds: list[float] = field(default_factory=list)
    overheads: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def errors(self) -> int:
        """Requests that did not get a score."""
        return sum(count for status, count in self.statuses.items() if status != 200)


def ask(port: int, pictures: Sequence[bytes], until: float, most: int, tally: Tally, first: int = 0) -> None:
    """Send images one after the other on one connection, until a time or a number is reached."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "image/jpeg"}
    for index in itertools.islice(itertools.count(first), most):
        if time.perf_counter() >= until:
            break
        began = time.perf_counter()
        try:
            connection.request("POST", "/score", pictures[index % len(pictures)], headers)
            answer = connection.getresponse()
            answer.read()
            status, timing = answer.status, answer.headers.get("Server-Timing", "")
        except OSError:
            connection.close()
            status, timing = 0, ""
        seconds = time.perf_counter() - began
        tally.statuses[status] += 1
        if status == 200:
            scoring = re.search(r"score;dur=([\d.]+)", timing)
            tally.seconds.append(seconds)
            tally.overheads.append(seconds - float(scoring.group(1)) / 1000 if scoring else seconds)
    connection.close()


def ask_together(port: int, pictures: Sequence[bytes], clients: int, seconds: float) -> tuple[Tally, float]:
    """Let several clients ask for some seconds; their tally and the images scored per second."""
    tally, began = Tally(), time.perf_counter()
    threads = [
        threading.Thread(target=ask, args=(port, pictures, began + seconds, sys.maxsize, tally, index))
        for index in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally, tally.statuses[200] / (time.perf_counter() - began)


def measure_start(model: Path, folder: Path) -> bool:
    """Print how long `csad serve` takes until it is ready; whether that is quick enough."""
    seconds = []
    for _ in track(range(3), "Starting"):
        with serving(model, folder) as server:
            seconds.append(server.ready_after)
    print(f"  start to ready, median of 3    {median(seconds):7.2f} s       (target <= 6 s)", flush=True)
    return median(seconds) <= 6


def measure_latency(server: Server, pictures: Sequence[bytes], requests: int) -> bool:
    """Print what HTTP, decoding and waiting add to the scorer's own time, for one client; whether it is little."""
    ask(server.port, pictures, float("inf"), 20, Tally())
    tally = Tally()
    for _ in track(range(10), "Latency"):
        ask(server.port, pictures, float("inf"), requests // 10, tally)
    half, last = _percentiles(tally.overheads)
    whole_half, whole_last = _percentiles(tally.seconds)
    print(f"  one image, p50 / p99           {1000 * whole_half:7.1f} / {1000 * whole_last:.1f} ms")
    print(
        f"  less the scorer's own time     {1000 * half:7.1f} / {1000 * last:.1f} ms  "
        f"(target <= 8 / <= 25 ms; {len(tally.seconds)} requests, {tally.errors} errors)",
        flush=True,
    )
    return half <= 0.008 and last <= 0.025 and not tally.errors


def measure_throughput(server: Server, pictures: Sequence[bytes], seconds: float) -> bool:
    """Print the rate of many clients over that of one, each taken twice, in turn; whether many get more done."""
    alone, together, errors = 0.0, 0.0, 0
    for _ in track(range(2), "Throughput"):
        tally, rate = ask_together(server.port, pictures, 1, seconds / 2)
        alone, errors = alone + rate / 2, errors + tally.errors
        tally, rate = ask_together(server.port, pictures, CLIENTS, seconds / 2)
        together, errors = together + rate / 2, errors + tally.errors
    print(f"  one client                     {alone:7.1f} images/s")
    print(
        f"  {CLIENTS} clients                     {together:7.1f} images/s, {together / alone:.2f} times "
        f"(target >= 1.3; {errors} errors)",
        flush=True,
    )
    return together >= 1.3 * alone and not errors


def measure_saturation(server: Server, pictures: Sequence[bytes], minutes: float) -> bool:
    """Print the growth of memory while many clients ask as fast as they can; whether it stays and all are answered."""
    ask_together(server.port, pictures, CLIENTS, min(20.0, 12 * minutes))  # the allocator has met every batch size
    samples, tally, ended = [], Tally(), threading.Event()
    worker = server.worker

    def sample() -> None:
        while not ended.wait(1.0):
            samples.append(worker.memory_info().rss / MEBIBYTE)

    watching = threading.Thread(target=sample)
    watching.start()
    steps = max(1, round(minutes * 6))
    rates = []
    for _ in track(range(steps), "Saturation"):
        part, rate = ask_together(server.port, pictures, CLIENTS, 60 * minutes / steps)
        tally.statuses += part.statuses
        rates.append(rate)
    ended.set()
    watching.join()
    tenth = max(1, len(samples) // 10)
    before, after = median(samples[:tenth]), median(samples[-tenth:])
    statuses = ", ".join(f"{count} x {status}" for status, count in sorted(tally.statuses.items()))
    print(
        f"  {minutes:g} min at {median(rates):.1f} images/s     memory {before:.0f} -> {after:.0f} MiB, "
        f"{100 * (after / before - 1):+.1f} % (target < 3 % in 30 min); {statuses}",
        flush=True,
    )
    return after < 1.03 * before and not tally.errors


def measure_hostile(server: Server, count: int) -> bool:
    """Print how the service takes requests that mean harm; whether it lives and answers each as it should."""
    worker = server.worker
    for request in hostile_requests(count // 10, seed=1):
        send("127.0.0.1", server.port, request)
    before = worker.memory_info().rss / MEBIBYTE
    with tempfile.TemporaryDirectory() as folder:
        described = send_described(f"http://127.0.0.1:{server.port}", count // 20, Path(folder))
    own = max(0, count - described.requests)
    replies = [send("127.0.0.1", server.port, request) for request in track(hostile_requests(own), "Hostile", own)]
    after = worker.memory_info().rss / MEBIBYTE
    failed = [reply for reply in replies if reply.status >= 500]
    silent = [reply for reply in replies if not reply.status and reply.request.kind not in UNFINISHED]
    alive = worker.is_running() and worker == server.worker and _ready(server.port)
    statuses = ", ".join(f"{n} x {status}" for status, n in sorted(Counter(reply.status for reply in replies).items()))
    print(
        f"  {own + described.requests} hostile requests          {len(failed)} x 5xx, {len(silent)} unanswered, "
        f"{described.problems} answers to {described.requests} of them not as /docs.json says, "
        f"{'same process' if alive else 'CRASHED'}, memory {before:.0f} -> {after:.0f} MiB; {statuses}",
        flush=True,
    )
    for reply in failed[:5]:
        print(f"    {reply.status} {reply.request.kind}: {reply.request.raw[:120]!r}")
    if described.problems:
        print(described.text)
    return alive and not failed and not silent and not described.problems


def measure_sides(sides: Sequence[Side], model: Path, pictures: Sequence[bytes], rounds: int, seconds: float) -> None:
    """Print what the servers of several sides need under the load of many clients."""

    def load(server: Server, seconds: float) -> tuple[int, float]:
        tally, rate = ask_together(server.port, pictures, CLIENTS, seconds)
        if tally.errors:
            sys.exit(f"{tally.errors} requests failed: {dict(tally.statuses)}")
        return tally.statuses[200], rate

    with tempfile.TemporaryDirectory(prefix="csad-serving-") as name:
        rows = compare(sides, lambda side: serving(model, Path(name), side), load, rounds, seconds)
    print(report(sides, rows))


def _side(name: str) -> Side:
    try:
        return Side.named(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    return median(values), quantiles(values, n=100, method="inclusive")[98]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=MODEL, help="model folder (default: demo/model)")
    parser.add_argument("--images", type=Path, default=IMAGES, help="default: the example's good test images")
    parser.add_argument("--requests", type=int, default=300, help="for the latency")
    parser.add_argument("--seconds", type=float, default=40.0, help="for each throughput")
    parser.add_argument("--minutes", type=float, default=2.0, help="at the saturation rate; 30 for the issue's target")
    parser.add_argument("--hostile", type=int, default=2000, help="hostile requests")
    parser.add_argument(
        "--against", nargs="+", type=_side, default=(), help="only compare with these: runtimes, or other checkouts"
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of each server with --against")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help=f"of: {', '.join(PARTS)}")
    options = parser.parse_args()
    if not (options.model / "model.json").is_file():
        sys.exit(f"no model in {options.model}; `make demo` trains one, or name a model folder")
    files = [path for path in sorted(options.images.iterdir()) if path.suffix.lower() in EXTENSIONS]
    if not files:
        sys.exit(f"no images in {options.images}; name a folder of images with --images")
    pictures = [path.read_bytes() for path in files]
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"serving on {machine()}; load before: {load}; {len(pictures)} images, {len(pictures[0]) // 1024} kB")
    if options.against:
        measure_sides([OURS, *options.against], options.model, pictures, options.rounds, options.seconds)
        return
    met = {}
    with tempfile.TemporaryDirectory(prefix="csad-serving-") as name:
        folder = Path(name)
        if "start" in options.only:
            met["start"] = measure_start(options.model, folder)
        with serving(options.model, folder) as server:
            if "latency" in options.only:
                met["latency"] = measure_latency(server, pictures, options.requests)
            if "throughput" in options.only:
                met["throughput"] = measure_throughput(server, pictures, options.seconds)
            if "hostile" in options.only:
                met["hostile"] = measure_hostile(server, options.hostile)
            if "saturation" in options.only:
                met["saturation"] = measure_saturation(server, pictures, options.minutes)
    if missed := [part for part in PARTS if not met.get(part, True)]:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
