"""The evaluation as one HTML page that needs nothing else: no network, no script, no other file."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image

from csad.common.atomic import write_text
from csad.common.errors import ImageError
from csad.common.printable import printable
from csad.evaluation.by_kind import TYPES, type_of
from csad.evaluation.cases import Case, Category
from csad.evaluation.figures import AurocByKind, Evaluation, SproByKind
from csad.evaluation.plots import interval_axis, interval_plot, roc_plots, score_histograms
from csad.evaluation.tables import averaged, branch_rows, decision_lines, fraction, other_kinds, percent
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
    template = Template(files("csad.evaluation").joinpath("report.html").read_text(encoding="utf-8"))
    counts = evaluation.images["test"]
    total = sum(counts.values())
    page = template.substitute(
        title=escape(f"{evaluation.line}: evaluation"),
        line=escape(evaluation.line),
        subtitle=f"{total} test images, {sum(evaluation.images['validation'].values())} for validation; "
        f"seed {evaluation.seed}; data {escape(evaluation.data[:12])}",
        tiles="".join(_tiles(evaluation)),
        notices=_notices(evaluation, doubts),
        histograms=score_histograms(evaluation),
        branches=_branches(evaluation),
        roc=_plots(roc_plots(evaluation)),
        spro=_spro(evaluation),
        decision=_facts(decision_lines(evaluation)),
        cases="".join(_cases(evaluation)),
        gallery=_gallery(gallery),
        data=_facts(_data(evaluation)),
        model=_facts(_model(evaluation)),
        settings=_facts(_flat(evaluation.settings)),
    )
    return printable(page)


def _tiles(evaluation: Evaluation) -> Iterator[str]:
    auroc = evaluation.image_auroc
    shown = [*(name for name in TYPES if getattr(auroc, name) is not None), *other_kinds(auroc)]
    for kind in shown:
        figure, interval = _figure_of(auroc, kind)
        known = f"95 % interval {interval[0]:.1f} to {interval[1]:.1f}" if interval else ""
        yield _tile(f"AUROC {_humanize(kind)}", percent(figure), known)
    if auroc.mean is not None and len(shown) > 1:
        yield _tile("AUROC mean", percent(auroc.mean), f"of {', '.join(map(_humanize, auroc.mean_of))}")
    rejects = evaluation.false_rejects
    if rejects.test_good.rate is not None:
        seen = f"{rejects.test_good.rejected} of {rejects.test_good.images}; promised {fraction(rejects.promised)}"
        yield _tile("good images rejected", fraction(rejects.test_good.rate), seen)
    for kind, found in evaluation.detection_rate.items():
        yield _tile(f"{_humanize(kind)} found", fraction(found.rate or 0.0), f"{found.rejected} of {found.images}")
    if evaluation.spro is not None and evaluation.spro.mean is not None:
        over = ", ".join(map(_humanize, evaluation.spro.mean_of))
        yield _tile("sPRO", percent(evaluation.spro.mean[0.3]), f"up to a false positive rate of 0.3; mean of {over}")
    yield _tile(
        "per image", f"{evaluation.timing.milliseconds_per_image:.0f} ms", f"in batches of {evaluation.timing.batch}"
    )


def _notices(evaluation: Evaluation, doubts: Sequence[str]) -> str:
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
    if not notices:
        return ""
    return f'<div class="notice">{"".join(f"<p>{escape(notice)}</p>" for notice in notices)}</div>'


def _branches(evaluation: Evaluation) -> str:
    extra = other_kinds(evaluation.image_auroc)
    columns = [name for name in TYPES if getattr(evaluation.image_auroc, name) is not None] + extra
    head = "".join(f"<th>{escape(_humanize(name))}</th><th>{interval_axis()}</th>" for name in columns)
    rows = []
    for name, figures in branch_rows(evaluation):
        cells = "".join(_auroc_cells(figures, column) for column in columns)
        css = ' class="full"' if name == "full" else ""
        rows.append(f"<tr{css}><td>{escape(name)}</td>{cells}<td>{percent(figures.mean)}</td></tr>")
    table = f"<table><tr><th></th>{head}<th>mean</th></tr>{''.join(rows)}</table>"
    return table + _mean_line(evaluation.image_auroc)


def _mean_line(figures: AurocByKind | SproByKind) -> str:
    return f'<p class="soft">The mean is over {escape(averaged(figures))}.</p>' if figures.mean_of else ""


def _auroc_cells(figures: AurocByKind, column: str) -> str:
    figure, interval = _figure_of(figures, column)
    return f"<td>{percent(figure)}</td><td>{interval_plot(figure, interval, type_of(column) or 'other')}</td>"


def _figure_of(figures: AurocByKind, name: str) -> tuple[float | None, tuple[float, float] | None]:
    """AUROC and interval of a type, or of a kind that belongs to none."""
    if name in TYPES:
        return getattr(figures, name), figures.intervals.get(name)
    return figures.by_kind.get(name), figures.kind_intervals.get(name)


def _plots(plots: list[str]) -> str:
    return f'<h3>ROC curves</h3><div class="plots">{"".join(plots)}</div>' if plots else ""


def _spro(evaluation: Evaluation) -> str:
    spro = evaluation.spro
    if spro is None:
        return '<p class="soft">The anomalous test images have no masks, so localisation cannot be measured.</p>'
    named = {"logical": spro.logical, "structural": spro.structural}
    named |= {_humanize(kind): figures for kind, figures in spro.by_kind.items() if type_of(kind) is None}
    named |= {"mean": spro.mean, "all together": spro.all}
    head = "".join(f"<th>{limit:g}</th>" for limit in spro.all)
    rows = [
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{percent(value)}</td>' for value in figures.values())}</tr>"
        for name, figures in named.items()
        if figures is not None
    ]
    return (
        '<p class="soft">sPRO in percent: how much of each defect is found, averaged up to a limit of the false '
        f"positive rate over pixels.</p>"
        f'<div class="scroll"><table><tr><th>limit</th>{head}</tr>{"".join(rows)}</table></div>{_mean_line(spro)}'
    )


def _cases(evaluation: Evaluation) -> Iterator[str]:
    yield (
        '<p class="soft"><span class="swatch outline"></span>true defect &ensp; '
        '<span class="swatch heat"></span>anomaly map, from what good images show to far more</p>'
    )
    for category in Category:
        cases = [case for case in evaluation.cases if case.category is category]
        yield f"<h3>{category.value.capitalize()}</h3>"
        if cases:
            yield f'<p class="soft">{EXPLANATIONS[category]}</p>'
            yield f'<div class="cases">{"".join(_case(case, evaluation.threshold) for case in cases)}</div>'
        else:
            yield '<p class="soft">None.</p>'


def _case(case: Case, threshold: float) -> str:
    explanations = "".join(f"<li>{escape(explanation)}</li>" for explanation in case.explanations)
    return (
        f'<figure><div class="pair"><img src="{_jpeg(case.photo)}" alt="{escape(case.key)}">'
        f'<img src="{_jpeg(case.overlay)}" alt="anomaly map of {escape(case.key)}"></div>'
        f"<figcaption><b>{escape(case.key)}</b><br>score {case.score:.3g}, threshold {threshold:.3g}"
        f"{f'<ul>{explanations}</ul>' if explanations else ''}</figcaption></figure>"
    )


def _gallery(folder: Path | None) -> str:
    """Embed the pictures of a folder until their part of the page is used up."""
    if folder is None or not folder.is_dir():
        return ""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in GALLERY_SUFFIXES)
    figures: list[str] = []
    size = 0
    for path in paths:
        try:
            data = encode_jpeg(_at_most_as_wide(read_rgb(path)))
        except ImageError:
            continue
        if size + len(data) > GALLERY_BYTES:
            break
        size += len(data)
        caption = escape(_humanize(path.stem))
        figures.append(f'<figure><img src="{_jpeg(data)}" alt="{caption}"><figcaption>{caption}</figcaption></figure>')
    if not figures:
        return ""
    more = f" The first {len(figures)} of {len(paths)}." if len(figures) < len(paths) else ""
    return (
        f'<h2>Components</h2><p class="soft">The classes that were found on good images, one picture each.{more}</p>'
        f'<div class="gallery">{"".join(figures)}</div>'
    )


def _at_most_as_wide(image: np.ndarray) -> np.ndarray:
    height, width, _ = image.shape
    if width <= GALLERY_WIDTH:
        return image
    size = GALLERY_WIDTH, max(round(height * GALLERY_WIDTH / width), 1)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def _data(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    for split, kinds in evaluation.images.items():
        yield split, ", ".join(f"{count} {_humanize(kind)}" for kind, count in kinds.items()) or "none"
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


def _facts(pairs: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in pairs)
    return f'<table class="facts">{rows}</table>'


def _tile(label: str, figure: str, detail: str) -> str:
    return f'<div class="tile"><span>{escape(label)}</span><b>{escape(figure)}</b><span>{escape(detail)}</span></div>'


def _jpeg(data: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def _humanize(kind: str) -> str:
    return kind.replace("_", " ")
