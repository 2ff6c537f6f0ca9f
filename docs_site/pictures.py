"""The pictures of docs/images, from a finished `make demo`: `python -m docs_site.pictures DEMO DATA docs/images`.

They show the example line, which is drawn, and need Chromium. Real data sets stay out: their licences forbid it.
"""

import io
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path

from PIL import Image, ImageChops

from csad.images import read_rgb
from csad.imaging.heat import HeatScale, draw_heat
from csad.scorer import Scorer
from docs_site import pipeline_graph
from tests.serving.chromium import Page, find_chromium, page

LARGEST = 150_000
PORT = 3987
REJECTED = ("logical_anomalies/002.jpg", "structural_anomalies/016.jpg")
ON_THE_PAGE = "structural_anomalies/024.jpg"
NOTHING_SAID = "no component is unusual in amount or place; the map shows where the part differs"
UNBROKEN = "\N{NO-BREAK SPACE}%"
STYLE = """
body { margin: 0; padding: 16px; background: #fff; color: #1c2530; display: flex; gap: 24px; width: fit-content;
  font: 16px/1.4 system-ui, Segoe UI, Roboto, sans-serif }
figure { margin: 0 } figure div { display: flex; gap: 8px } img { width: 270px; border-radius: 6px; display: block }
figcaption { max-width: 548px; margin-top: 8px } b { color: #b3261e }
"""


def draw_all(demo: Path, data: Path, output: Path) -> None:
    """Draw every picture.

    Args:
        demo: What `make demo` left.
        data: The images that it was of.
        output: Folder to write into.
    """
    (output / "pipeline.svg").write_text(pipeline_graph.draw(pipeline_graph.read_tasks()), encoding="utf-8")
    program = find_chromium()
    if program is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    test = data / "test"
    with tempfile.TemporaryDirectory() as folder, page(program, Path(folder) / "profile") as tab:
        figure = Path(folder) / "figure.html"
        figure.write_text(
            rejected_page(Scorer.load(demo / "model"), [test / name for name in REJECTED]), encoding="utf-8"
        )
        tab.call("Emulation.setScrollbarsHidden", hidden=True)
        _save(_shot(tab, figure.as_uri(), 1180, 400), output / "rejected.jpg", trim=True)
        _save(_shot(tab, (demo / "report.html").absolute().as_uri(), 1100, 905), output / "report.jpg")
        _save(_shot(tab, (demo / "gallery.html").absolute().as_uri(), 780, 420), output / "gallery.jpg")
        _save(_shot(tab, (demo / "gate.html").absolute().as_uri(), 1100, 500), output / "gate.jpg")
        with _served(demo / "model") as address:
            tab.resize(1180, 800)
            tab.open(address)
            tab.choose("#file", (test / ON_THE_PAGE).absolute())
            tab.wait_for("document.body.dataset.done === '1'")
            _save(_picture(tab), output / "serving-page.jpg")


def rejected_page(scorer: Scorer, images: Sequence[Path]) -> str:
    """A page with each image, its anomaly map and what the scorer says of it.

    Args:
        scorer: The model.
        images: Files of images that it rejects.
    """
    figures = []
    for file in images:
        image = read_rgb(file)
        score = scorer.score(image)
        assert score.anomalous
        heat = draw_heat(image, score.map, HeatScale.of_model(scorer.normal_tail))
        said = (score.explanations[0] if score.explanations else NOTHING_SAID).replace(" %", UNBROKEN)
        figures.append(
            f"<figure><div>{_img(Image.fromarray(image))}{_img(Image.fromarray(heat))}</div>"
            f"<figcaption><b>Rejected</b>, score {score.value:.1f} above {score.threshold:.1f}: {escape(said)}."
            "</figcaption></figure>"
        )
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{''.join(figures)}"


def _img(image: Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return f'<img src="data:image/png;base64,{b64encode(stream.getvalue()).decode()}">'


def _shot(tab: Page, address: str, width: int, height: int) -> Image.Image:
    tab.resize(width, height)
    tab.call("Page.navigate", url=address)
    time.sleep(0.2)
    tab.wait_for("document.readyState === 'complete'")
    return _picture(tab)


def _picture(tab: Page) -> Image.Image:
    with tempfile.TemporaryDirectory() as folder:
        tab.picture(Path(folder) / "shot.png")
        return Image.open(Path(folder) / "shot.png").convert("RGB")


def _save(picture: Image.Image, path: Path, trim: bool = False) -> None:
    """Save as JPEG, as good as fits into LARGEST bytes."""
    if trim:
        white = Image.new("RGB", picture.size, (255, 255, 255))
        picture = picture.crop(ImageChops.difference(picture, white).getbbox())
    for quality in range(90, 30, -5):
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality, optimize=True, progressive=True)
        if len(stream.getvalue()) <= LARGEST:
            break
    path.write_bytes(stream.getvalue())


@contextmanager
def _served(model: Path) -> Iterator[str]:
    """Serve a model while the block lasts."""
    address = f"http://127.0.0.1:{PORT}"
    command = [sys.executable, "-m", "csad.cli", "serve", str(model), "--port", str(PORT)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{address}/readyz", timeout=2):
                    break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(30)


if __name__ == "__main__":
    draw_all(*map(Path, sys.argv[1:4]))
