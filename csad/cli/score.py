"""`csad score`: decide on images."""

import contextlib
import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from csad.cli.device import device_option, runtime_option
from csad.common.errors import DatasetError, ImageError
from csad.common.printable import printable

if TYPE_CHECKING:
    import numpy as np

    from csad.scoring.loop import Failure
    from csad.scoring.scorer import Scorer

NO_ORIGINS: Mapping[Path, str] = {}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One image's score.

    Attributes:
        file: File as given, or found in the folder that was given.
        score: What the scorer says, less the map.
    """

    file: Path
    value: float
    threshold: float
    anomalous: bool
    branches: dict[str, float]
    explanations: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """The result for scripts."""
        return {
            "file": str(self.file),
            "score": self.value,
            "threshold": self.threshold,
            "anomalous": self.anomalous,
            "branches": self.branches,
            "explanations": list(self.explanations),
        }

    @classmethod
    def from_row(cls, file: Path, row: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        explanations = tuple(row["explanations"])
        return cls(file, row["score"], row["threshold"], row["anomalous"], row["branches"], explanations)

    def to_row(self) -> tuple[str, ...]:
        """The result for people."""
        decision = "ANOMALOUS" if self.anomalous else "good"
        explanation = self.explanations[0] if self.explanations else ""
        return (
            click.format_filename(self.file),
            f"{self.value:.3f}",
            f"{self.threshold:.3f}",
            decision,
            explanation,
        )


@click.command()
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("images", metavar="IMAGE_OR_DIR", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, an object per image.")
@click.option(
    "--maps",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write a picture per image into: where it differs from good ones. All pictures of a model share one "
    "scale: no colour up to half of what the hottest places of good images reach, the darkest from twice that on.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Parquet file to write instead of a table; an interrupted run resumes where it was, a finished file is "
    "brought up to date: images whose bytes are those scored before are kept. Results of another model or another "
    "folder are not replaced.",
)
@device_option
@runtime_option
def score(
    model: Path,
    images: Path,
    as_json: bool,
    maps: Path | None,
    out: Path | None,
    device: str | None,
    runtime: str | None,
) -> None:
    """Score one image, or every image of a folder and its subfolders.

    An image that cannot be read is named, the others are scored, and the exit code is 1.

    \b
    Examples:
      csad score models/bottles photo.png
      csad score models/bottles incoming/ --maps maps/
      csad score models/bottles incoming/ --json > scores.json
      csad score models/bottles archive/ --out results.parquet
    """
    failures: list[Failure[Path]] = []
    with contextlib.redirect_stdout(sys.stderr):
        from csad.cli.results import journal_of
        from csad.compute.malloc import tune_malloc
        from csad.images.outputs import require_no_image_in
        from csad.scoring.runtimes.choice import device_for
        from csad.scoring.runtimes.names import wanted_runtime
        from csad.scoring.scorer import Scorer

        require_no_image_in(images, out, "--out")
        if maps is not None:
            _require_maps_apart(images, maps)
        files = _images_at(images, [] if out is None else [out, journal_of(out)])
        tune_malloc()
        wanted = wanted_runtime(runtime)
        scorer = Scorer.load(model, device_for(wanted, device), wanted)
        _log.info("computed by %s", scorer.runtime.described())
        if out is None:
            outcomes = _score_some(scorer, files, images, maps, description="Scoring")
            results = _apart(outcomes, failures)
        else:
            results = _score_into(out, scorer, files, images, maps, failures)
    if as_json:
        click.echo(json.dumps([result.to_json() for result in results], indent=2))
    elif out is not None:
        click.echo(f"{sum(result.anomalous for result in results)} of {len(results)} anomalous; {out}", err=True)
    elif results:
        from csad.common.tables import table

        head = ("file", "score", "threshold", "decision", "first explanation")
        click.echo(table(head, [result.to_row() for result in results]))
        click.echo(f"{sum(result.anomalous for result in results)} of {len(results)} anomalous", err=True)
    if not as_json:
        click.echo(_expectation(scorer), err=True)
    if failures:
        reasons = "\n".join(f"  {failure.error}" for failure in failures)
        raise ImageError(f"{len(failures)} of {len(files)} images could not be scored:\n{reasons}")


def _expectation(scorer: "Scorer") -> str:
    """What the threshold is expected to do, from good images and synthetic anomalies alone."""
    threshold, found = scorer.manifest.threshold, scorer.manifest.synthetic_detection
    low, high = threshold.interval
    said = (
        f"threshold {threshold.value:.3g} is for {threshold.promised_rate:.2g} of good products rejected (95 % "
        f"interval {low:.2g} to {high:.2g}, {threshold.images} good images)"
    )
    detection = ", ".join(f"{kind} {rate:.0%}" for kind, rate in found.items())
    return said + (f"; synthetic anomalies found: {detection}" if found else "")


def _require_maps_apart(images: Path, maps: Path) -> None:
    """Refuse pictures that a later run would score.

    Raises:
        DatasetError: `maps` lies among the images, or the pictures of images in subfolders would.
    """
    from csad.cli.heat import map_of
    from csad.images.outputs import require_outside

    require_outside(images, maps, "--maps")
    root = images.resolve()
    if images.is_dir() and root.is_relative_to(maps.resolve()):
        inside = root.relative_to(maps.resolve())
        if (root / inside).is_dir():
            require_outside(images, map_of(images / inside / "any", images, maps), "--maps")


def _images_at(path: Path, own: Sequence[Path]) -> list[Path]:
    """List the image itself, or all images below a folder; say what else is there.

    Raises:
        DatasetError: No images, or a folder that cannot be listed.
    """
    from csad.images.layout import is_ground_truth
    from csad.images.walking import IMAGE_ENDINGS, say_ignored, walk

    if not path.is_dir():
        return [path]
    found = walk(path, leave_out=is_ground_truth, own=own)
    ignored = say_ignored(found.ignored)
    if not found.images:
        rest = f" ({ignored})" if ignored else ""
        raise DatasetError(f"no images in {path} or its subfolders{rest}; expected files with one of: {IMAGE_ENDINGS}")
    if ignored:
        _log.warning("%s: %s", printable(path), ignored)
    return list(found.images)


def _score_into(
    out: Path,
    scorer: "Scorer",
    files: Sequence[Path],
    root: Path,
    maps: Path | None,
    failures: "list[Failure[Path]]",
) -> list[Row]:
    """Score what the results file does not know yet, or what lacks its map, keeping each batch at once."""
    from csad.cli.heat import is_drawn, map_of, origin_of
    from csad.cli.results import ResultsFile, in_unicode
    from csad.cli.scored_files import read_all, state_after
    from csad.common.progress import track
    from csad.scoring.loop import BATCH

    manifest = scorer.manifest
    with ResultsFile(out, manifest.checksum, root.absolute()) as kept:
        found = zip(files, map(kept.known, files), strict=True)
        rows = {file: row for file, row in found if row is not None}
        if vague := sum(kept.is_vague(file) for file in files):
            _log.info("%d results in %s do not say what their files held; these images are scored again", vague, out)
        if maps is not None:
            origins = {file: origin_of(manifest.checksum, row["sha256"]) for file, row in rows.items()}
            rows = {file: row for file, row in rows.items() if is_drawn(map_of(file, root, maps), origins[file])}
        missing = [file for file in files if file not in rows]
        if len(missing) < len(files):
            _log.info("%d of %d images are scored already in %s", len(files) - len(missing), len(files), out)
        moved = 0
        for start in track(range(0, len(missing), BATCH), "Scoring"):
            batch = missing[start : start + BATCH]
            seen = read_all(batch)
            origins = {file: origin_of(manifest.checksum, was.state.sha256 or "") for file, was in seen.items()}
            outcomes = list(_score_some(scorer, batch, root, maps, origins))
            for file, outcome in zip(batch, outcomes, strict=True):
                state = state_after(file, seen.get(file))
                if isinstance(outcome, Row):
                    row = outcome.to_json()
                    moved += state.sha256 is None
                else:
                    row = {"error": in_unicode(str(outcome.error))}
                rows[file] = {**row, "file": in_unicode(str(file)), **asdict(state)}
            _apart(outcomes, failures)
            kept.add(rows[file] for file in batch)
        if moved:
            _log.warning("%d images were written to while they were scored; run it again to score them whole", moved)
        description = {"csad_line": scorer.line.name, "csad_snapshot": manifest.snapshot}
        ordered = [rows[file] for file in files]
        kept.finish(ordered, description)
    return [Row.from_row(file, row) for file, row in zip(files, ordered, strict=True) if row.get("error") is None]


def _score_some(
    scorer: "Scorer",
    files: Sequence[Path],
    root: Path,
    maps: Path | None,
    origins: Mapping[Path, str] = NO_ORIGINS,
    description: str | None = None,
) -> "Iterator[Row | Failure[Path]]":
    """Score images and draw their maps; an outcome for each file, in order."""
    from csad.cli.heat import map_of, write_heat
    from csad.images import read_rgb
    from csad.imaging.heat import HeatScale
    from csad.scoring.loop import Failure, score_each

    def read(file: Path) -> "np.ndarray":
        return read_rgb(file, scorer.line.images.max_pixels)

    for outcome in score_each(scorer, files, read, description):
        if isinstance(outcome, Failure):
            yield outcome
            continue
        file, found = outcome.source, outcome.score
        if maps is not None:
            scale = HeatScale.of_model(scorer.normal_tail)
            write_heat(map_of(file, root, maps), outcome.image, found.map, scale, origins.get(file, ""))
        yield Row(file, found.value, found.threshold, found.anomalous, found.branches, found.explanations)


def _apart(outcomes: "Iterable[Row | Failure[Path]]", failures: "list[Failure[Path]]") -> list[Row]:
    """The rows alone; failures are added to the others."""
    rows = []
    for outcome in outcomes:
        if isinstance(outcome, Row):
            rows.append(outcome)
        else:
            failures.append(outcome)
    return rows
