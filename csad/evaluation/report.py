"""The evaluation as one HTML page that needs nothing else: no network, no script, no other file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup
from PIL import Image

from csad.common.atomic import write_text
from csad.common.errors import ImageError
from csad.common.humanize import plain
from csad.common.pages import render_page
from csad.evaluation.by_kind import TYPES, type_of
from csad.evaluation.cases import Category
from csad.evaluation.figures import AurocByKind, Evaluation
from csad.evaluation.plots import interval_axis, interval_plot, roc_plots, score_histograms
from csad.evaluation.tables import (
    averaged,
    branch_rows,
    decision_lines,
    fraction,
    localisation_rows,
    other_kinds,
    percent,
)
from csad.images import read_rgb
from csad.imaging.heat import encode_jpeg

GALLERY_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
GALLERY_WIDTH = 680
GALLERY_BYTES = 2_500_000
SUSPICIOUS_BACKGROUND = 65.0
SUSPICIOUS_SESSION = 65.0
EXPLANATIONS = {
    Category.MISSED: "Anomalies below the threshold, the lowest score first.",
    Category.FALSE_REJECT: "Good images above the threshold, the highest score first.",
    Category.CLOSE: "Right decisions with the smallest margin: the next to go wrong.",
    Category.HIT: "Anomalies with the highest scores.",
}


def write_report(evaluation: Evaluation, path: Path, gallery: Path | None = None, doubts: Sequence[str] = ()) -> None:
    """Write the page, whole or not at all.

    Args:
        evaluation: What `evaluate` returned; one read back from JSON has no pictures.
        path: HTML file to write.
        gallery: Folder with a picture (PNG or JPEG) per cluster of components, shown in the order of their names.
        doubts: What is doubtful about these clusters, a sentence each.

    Raises:
        OSError: The folder is read-only or full.
    """
    write_text(path, render(evaluation, gallery, doubts))


def render(evaluation: Evaluation, gallery: Path | None = None, doubts: Sequence[str] = ()) -> str:
    """Return the page as text; see `write_report`."""
    total = sum(evaluation.images["test"].values())
    auroc, spro = evaluation.image_auroc, evaluation.spro
    pictures, files = _gallery(gallery)
    columns = _measured_kinds(auroc)
    return render_page(
        "evaluation",
        "report.html",
        line=evaluation.line,
        subtitle=f"{total} test images, {sum(evaluation.images['validation'].values())} for validation; "
        f"seed {evaluation.seed}; data {evaluation.data[:12]}",
        tiles=list(_tiles(evaluation)),
        notices=_notices(evaluation, doubts),
        histograms=score_histograms(evaluation),
        branch_columns=columns,
        interval_axis=interval_axis(),
        branches=[_branch_row(name, figures, columns) for name, figures in branch_rows(evaluation)],
        detection_mean=averaged(auroc),
        roc_curves=roc_plots(evaluation),
        localisation=list(localisation_rows(spro)) if spro else [],
        localisation_limits=[f"{limit:g}" for limit in spro.all] if spro else [],
        localisation_mean=averaged(spro) if spro else "",
        decision=decision_lines(evaluation),
        threshold=evaluation.threshold,
        categories=[
            (category.value, EXPLANATIONS[category], [case for case in evaluation.cases if case.category is category])
            for category in Category
        ],
        gallery=pictures,
        gallery_files=files,
        data=list(_data(evaluation)),
        model=list(_model(evaluation)),
        settings=list(_flat(evaluation.settings)),
    )


@dataclass(frozen=True)
class Tile:
    """A headline figure."""

    label: str
    figure: str
    detail: str


@dataclass(frozen=True)
class BranchRow:
    """A line of the ablation: per kind of anomaly the AUROC and its plot."""

    name: str
    cells: list[tuple[str, Markup]]
    mean: str


def _tiles(evaluation: Evaluation) -> Iterator[Tile]:
    auroc = evaluation.image_auroc
    shown = _measured_kinds(auroc)
    for kind in shown:
        figure, interval = _figure_of(auroc, kind)
        known = f"95 % interval {interval[0]:.1f} to {interval[1]:.1f}" if interval else ""
        yield Tile(f"AUROC {plain(kind)}", percent(figure), known)
    if auroc.mean is not None and len(shown) > 1:
        yield Tile("AUROC mean", percent(auroc.mean), f"of {', '.join(map(plain, auroc.mean_of))}")
    rejects = evaluation.false_rejects
    if rejects.test_good.rate is not None:
        seen = f"{rejects.test_good.rejected} of {rejects.test_good.images}; promised {fraction(rejects.promised)}"
        yield Tile("good images rejected", fraction(rejects.test_good.rate), seen)
    for kind, found in evaluation.detection_rate.items():
        yield Tile(f"{plain(kind)} found", fraction(found.rate or 0.0), f"{found.rejected} of {found.images}")
    if evaluation.spro is not None and evaluation.spro.mean is not None:
        over = ", ".join(map(plain, evaluation.spro.mean_of))
        yield Tile("sPRO", percent(evaluation.spro.mean[0.3]), f"up to a false positive rate of 0.3; mean of {over}")
    yield Tile(
        "per image", f"{evaluation.timing.milliseconds_per_image:.0f} ms", f"in batches of {evaluation.timing.batch}"
    )


def _notices(evaluation: Evaluation, doubts: Sequence[str]) -> list[str]:
    notices = [f"Doubtful pseudo-labels: {doubt}." for doubt in doubts]
    notices += [f"Worth a look: {doubt}" for doubt in evaluation.doubts]
    if evaluation.odd_images:
        notices.append(
            f"Good images of the training that look unlike the others ({len(evaluation.odd_images)}): "
            f"{', '.join(evaluation.odd_images)}. They do not raise the threshold; look whether they are good, and "
            "name those that are not under images.exclude."
        )
    notices += [f"Not counted: {problem}" for problem in evaluation.problems]
    background = evaluation.background_only_auroc
    if background is not None and background.mean is not None and background.mean > SUSPICIOUS_BACKGROUND:
        notices.insert(
            0,
            f"The bare background alone tells anomalous from good images with an AUROC of {background.mean:.1f}: "
            "they were taken under different conditions, and part of the detection is not about the product.",
        )
    session = evaluation.validation_vs_test_good_auroc
    if session is not None and max(session, 100 - session) > SUSPICIOUS_SESSION:
        notices.insert(
            0,
            f"Good test images score {'higher' if session > 50 else 'lower'} than good validation images "
            f"(AUROC {session:.1f}, 50 = alike): the threshold will reject "
            f"{'more' if session > 50 else 'fewer'} good products than promised on images like the test images.",
        )
    return notices


def _measured_kinds(auroc: AurocByKind) -> list[str]:
    return [*(name for name in TYPES if getattr(auroc, name) is not None), *other_kinds(auroc)]


def _branch_row(name: str, figures: AurocByKind, columns: Sequence[str]) -> BranchRow:
    cells = []
    for column in columns:
        figure, interval = _figure_of(figures, column)
        cells.append((percent(figure), interval_plot(figure, interval, type_of(column) or "other")))
    return BranchRow(name, cells, percent(figures.mean))


def _figure_of(figures: AurocByKind, name: str) -> tuple[float | None, tuple[float, float] | None]:
    """AUROC and interval of a type, or of a kind that belongs to none."""
    if name in TYPES:
        return getattr(figures, name), figures.intervals.get(name)
    return figures.by_kind.get(name), figures.kind_intervals.get(name)


def _gallery(folder: Path | None) -> tuple[list[tuple[str, bytes]], int]:
    """Name and JPEG of the pictures of a folder, until their part of the page is used up; how many there are."""
    if folder is None or not folder.is_dir():
        return [], 0
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in GALLERY_SUFFIXES)
    pictures: list[tuple[str, bytes]] = []
    for path in paths:
        try:
            data = encode_jpeg(_at_most_as_wide(read_rgb(path)))
        except ImageError:
            continue
        if sum(len(picture) for _, picture in pictures) + len(data) > GALLERY_BYTES:
            break
        pictures.append((path.stem, data))
    return pictures, len(paths)


def _at_most_as_wide(image: np.ndarray) -> np.ndarray:
    height, width, _ = image.shape
    if width <= GALLERY_WIDTH:
        return image
    size = GALLERY_WIDTH, max(round(height * GALLERY_WIDTH / width), 1)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def _data(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    for split, kinds in evaluation.images.items():
        yield split, ", ".join(f"{count} {plain(kind)}" for kind, count in kinds.items()) or "none"
    yield "content digest, evaluated", evaluation.data
    yield "content digest, trained", evaluation.snapshot


def _model(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    yield "seed", str(evaluation.seed)
    for name, value in _flat(evaluation.weights):
        yield f"weights: {name}", value
    timing = evaluation.timing
    yield (
        "scoring",
        f"{timing.images} images in {timing.seconds:.1f} s, {timing.milliseconds_per_image:.0f} ms an image "
        f"in batches of {timing.batch}, without reading files",
    )


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        label = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{label}.")
        elif isinstance(value, list | tuple):
            yield label, ", ".join(map(str, value)) or "none"
        elif isinstance(value, bool):
            yield label, "yes" if value else "no"
        else:
            yield label, "none" if value is None else str(value)
