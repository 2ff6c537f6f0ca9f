"""`csad watch`: score what a camera writes into a folder."""

import logging
import os
import signal
from pathlib import Path
from typing import Any

import click

_log = logging.getLogger(__name__)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--url", required=True, help="The service, such as http://scorer:3000.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="JSON lines, one per image, added to and read again at the next start.  [default: DIR/csad-results.jsonl]",
)
@click.option(
    "--once",
    is_flag=True,
    help="Score what is there, then end; exit code 1 when an image was unusable or could not be scored.",
)
@click.option("--interval", default=1.0, show_default=True, type=click.FloatRange(0.01), help="Seconds between looks.")
@click.option(
    "--settle",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds that a file must not have changed before it is read.",
)
@click.option(
    "--patience",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds that an unreadable file must not have changed before it is given up.",
)
@click.option(
    "--give-up",
    default=120.0,
    show_default=True,
    type=click.FloatRange(0),
    help="With --once: seconds without a result, beyond --patience, after which the rest is left.",
)
def watch(
    folder: Path,
    url: str,
    out: Path | None,
    once: bool,
    interval: float,
    settle: float,
    patience: float,
    give_up: float,
) -> None:
    """Send every image that appears in a folder to a scoring service, and write down what it says.

    An image is sent when its size has settled and it decodes to the end, so never half-written. Each is scored
    once: the results file remembers them over restarts, and while the service is away they wait. One at which the
    service fails five times lets the others pass and is tried again every five minutes. A file that is overwritten
    with another image is scored again. The service's token is read from CSAD_TOKEN.

    \b
    Examples:
      csad watch /data/camera1 --url http://scorer:3000
      csad watch /data/camera1 --url http://scorer:3000 --out /data/results/camera1.jsonl
      csad watch incoming/ --url http://127.0.0.1:3000 --once
    """
    from csad.common.errors import ImageError
    from csad.images.outputs import require_no_image_in
    from csad.serving.client import ScoringClient
    from csad.serving.ledger import Ledger
    from csad.serving.watcher import FolderWatcher, Pace

    client = ScoringClient(url, os.environ.get("CSAD_TOKEN", "").strip())
    unusable = []

    def report(file: str, result: dict[str, Any]) -> None:
        if "error" in result:
            unusable.append(result["error"])
            _log.warning("%s", result["error"])
        else:
            decision = "ANOMALOUS" if result["anomalous"] else "good"
            # A service of the release before calls them findings.
            sentences = result.get("explanations", result.get("findings", ()))
            explanations = "".join(f"; {explanation}" for explanation in sentences[:1])
            _log.info("%s: %s, %.3f of %.3f%s", file, decision, result["score"], result["threshold"], explanations)

    out = out or folder / "csad-results.jsonl"
    require_no_image_in(folder, out, "--out")
    with Ledger(out) as ledger:
        _log.info("watching %s for %s; %d images are done in %s", folder, url, len(ledger), out)
        if ledger.vague:
            _log.info(
                "%d images in %s were recorded by an older csad, by size and time alone; those that are still there "
                "are scored again",
                ledger.vague,
                out,
            )
        pace = Pace(interval, settle, patience, give_up=give_up)
        watcher = FolderWatcher(folder, client, ledger, pace, report, own=(out,))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: watcher.stop())
        if once:
            watcher.run_once()
            if unusable:
                raise ImageError(f"{len(unusable)} images could not be scored; see {out}")
        else:
            watcher.run()
