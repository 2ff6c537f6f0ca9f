"""The service over HTTP answers what the scorer says."""

import base64
import io
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from csad.images import read_rgb
from csad.scoring.model_folder import read_manifest
from csad.scoring.scorer import Scorer


@pytest.fixture(scope="module")
def scorer(tiny_model):
    return Scorer.load(tiny_model)


def in_base64(path):
    return base64.b64encode(path.read_bytes()).decode()


@pytest.mark.parametrize("form", ["multipart", "raw", "octets", "json", "data url"])
def test_an_image_scores_as_with_the_scorer_however_it_is_sent(server, scorer, bad, form):
    expected = scorer.score(read_rgb(bad))
    answer = {
        "multipart": lambda: server.post("/score", files={"image": bad.open("rb")}),
        "raw": lambda: server.post("/score", data=bad.read_bytes(), headers={"Content-Type": "image/png"}),
        "octets": lambda: server.post(
            "/score", data=bad.read_bytes(), headers={"Content-Type": "application/octet-stream"}
        ),
        "json": lambda: server.post("/score", json={"image": in_base64(bad)}),
        "data url": lambda: server.post("/score", json={"image": "data:image/png;base64," + in_base64(bad)}),
    }[form]()

    assert answer.status_code == 200
    body = answer.json()
    assert body["score"] == pytest.approx(expected.value, rel=1e-4)
    assert body["threshold"] == expected.threshold
    assert body["anomalous"] is expected.anomalous
    assert body["branches"] == pytest.approx(expected.branches, rel=1e-3, abs=1e-3)
    assert body["explanations"] == list(expected.explanations)
    assert body["findings"] == body["explanations"], "the old name, for one release"
    assert body["model"]["line"] == "tiny"
    assert re.fullmatch(r"local-[0-9a-f]{8}", body["model"]["version"])


def test_the_answer_says_how_long_each_phase_took(server, good):
    timing = server.post("/score", files={"image": good.open("rb")}).headers["Server-Timing"]

    assert re.fullmatch(r"decode;dur=\d+\.\d+, queue;dur=\d+\.\d+, score;dur=\d+\.\d+", timing)


def test_images_of_every_format_are_read(server, good):
    for format_name in ("JPEG", "BMP", "TIFF", "WEBP"):
        stream = io.BytesIO()
        Image.open(good).save(stream, format=format_name)
        answer = server.post("/score", data=stream.getvalue(), headers={"Content-Type": "image/" + format_name.lower()})
        assert answer.status_code == 200, format_name


def test_a_batch_answers_in_its_order_and_a_bad_image_harms_no_neighbour(server, scorer, good, bad):
    files = [
        ("images", ("first.png", good.read_bytes())),
        ("images", ("broken.png", good.read_bytes()[:200])),
        ("images", ("text.txt", b"no image at all")),
        ("images", ("empty.png", b"")),
        ("images", ("last.png", bad.read_bytes())),
    ]

    answer = server.post("/score_batch", files=files)

    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [item["name"] for item in results] == ["first.png", "broken.png", "text.txt", "empty.png", "last.png"]
    errors = [item["error"] and item["error"]["error"] for item in results]
    assert errors == [None, "corrupt_image", "not_an_image", "empty_image", None]
    assert [item["result"] is None for item in results] == [False, True, True, True, False]
    for item, path in ((results[0], good), (results[4], bad)):
        assert item["result"]["score"] == pytest.approx(scorer.score(read_rgb(path)).value, rel=1e-4)


def test_a_batch_may_come_as_json(server, good):
    answer = server.post("/score_batch", json={"images": [in_base64(good), "%%%", in_base64(good)]})

    results = answer.json()["results"]
    assert [item["name"] for item in results] == ["0", "1", "2"]
    assert results[1]["error"]["error"] == "broken_base64"
    assert results[0]["result"]["score"] == pytest.approx(results[2]["result"]["score"], rel=1e-4)


def test_many_clients_at_once_each_get_their_own_image_scored(server, scorer, tiny_line_data):
    paths = sorted((tiny_line_data / "test").rglob("*.png"))
    expected = {path: scorer.score(read_rgb(path)).value for path in paths}

    def ask(path):
        return path, server.post("/score", data=path.read_bytes(), headers={"Content-Type": "image/png"})

    with ThreadPoolExecutor(9) as clients:
        answers = list(clients.map(ask, paths * 3))

    assert {answer.status_code for _, answer in answers} == {200}
    for path, answer in answers:
        assert answer.json()["score"] == pytest.approx(expected[path], rel=1e-4)


def test_an_explanation_marks_the_place_and_names_it(server, scorer, bad):
    body = server.post("/explain", files={"image": bad.open("rb")}).json()

    assert body["score"] == pytest.approx(scorer.score(read_rgb(bad)).value, rel=1e-4)
    kind, _, encoded = body["overlay"].partition(",")
    assert kind == "data:image/png;base64"
    overlay = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
    assert overlay.shape == (128, 128, 3)
    # Unmarked pixels keep their brightness, so the place that changed most is the marked one.
    change = np.abs(overlay.astype(float).mean(axis=2) - read_rgb(bad).astype(float).mean(axis=2))
    assert change.max() > 30


def test_an_explanation_may_be_the_picture_alone(server, bad):
    answer = server.post("/explain", files={"image": bad.open("rb")}, headers={"Accept": "image/png"})

    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Csad-Anomalous"] in ("true", "false")
    assert Image.open(io.BytesIO(answer.content)).size == (128, 128)


def test_a_large_image_is_explained_by_a_small_picture(server):
    stream = io.BytesIO()
    Image.new("RGB", (2000, 40), (200, 200, 200)).save(stream, format="PNG")

    answer = server.post("/explain", files={"image": stream.getvalue()}, headers={"Accept": "image/png"})

    assert Image.open(io.BytesIO(answer.content)).size == (1024, 20)


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_model_says_where_it_comes_from(server, tiny_model, method):
    manifest = read_manifest(tiny_model)

    card = getattr(server, method)("/model").json()

    assert card["line"] == "tiny"
    assert card["snapshot"] == manifest.snapshot
    assert card["seed"] == 3
    assert card["threshold"] == manifest.threshold.model_dump(mode="json")
    assert card["normal_scores"] == sorted(manifest.normal_scores)
    assert card["weights"] == manifest.weights
    assert card["branch_weights"] == pytest.approx(dict(manifest.fusion.weights))
    assert card["metrics"] == {}


def test_the_version_and_the_figures_are_those_that_were_packed(start, good, tiny_model):
    figures = tiny_model.parent / "metrics.json"
    figures.write_text('{"image_auroc": 99.5, "spro": null}')
    try:
        server = start(CSAD_MODEL_VERSION="20261124T101500Z-0123abcd")
        card = server.get("/model").json()
    finally:
        figures.unlink()

    assert card["version"] == "20261124T101500Z-0123abcd"
    assert card["metrics"] == {"image_auroc": 99.5, "spro": None}
    assert server.post("/score", files={"image": good.open("rb")}).json()["model"]["version"] == card["version"]
    assert 'version="20261124T101500Z-0123abcd"' in server.get("/metrics").text


def test_the_probes_answer(server):
    assert server.get("/livez").status_code == 200
    assert server.get("/readyz").status_code == 200


def test_metrics_count_decisions_phases_and_batches(server, good, bad):
    before = server.figures()
    server.post("/score_batch", files=[("images", good.open("rb")), ("images", bad.open("rb")), ("images", b"none")])
    after = server.figures()

    def grown(name):
        return after.get(name, 0) - before.get(name, 0)

    assert grown('csad_decisions_total{decision="good"}') + grown('csad_decisions_total{decision="rejected"}') == 2
    assert grown("csad_score_over_threshold_count") == 2
    assert grown("csad_batch_images_count") == 2
    for phase in ("decode", "queue", "score"):
        assert grown(f'csad_phase_seconds_count{{phase="{phase}"}}') == 2
    assert grown('csad_phase_seconds_count{phase="read"}') == 1
    assert grown('csad_problems_total{error="not_an_image"}') == 1
    assert grown('csad_requests_total{path="/score_batch",status="200"}') == 1
    assert after["csad_threshold"] > 0
    assert any(name.startswith('csad_model_info{line="tiny"') and value == 1 for name, value in after.items())


def test_paths_that_do_not_exist_do_not_make_the_metrics_grow(server):
    for index in range(20):
        assert server.get(f"/nowhere/{index}").status_code == 404

    assert "nowhere" not in server.get("/metrics").text


def test_the_description_names_every_address_and_every_type(server):
    description = server.get("/docs.json").json()

    assert description["openapi"] == "3.1.0"
    assert {"/score", "/score_batch", "/explain", "/model", "/livez", "/readyz", "/metrics", "/"} <= set(
        description["paths"]
    )
    schemas = description["components"]["schemas"]
    references = set(re.findall(r"#/components/schemas/(\w+)", str(description)))
    assert references <= set(schemas)
    assert {"ScoreAnswer", "BatchAnswer", "Explanation", "ModelAnswer", "ProblemBody"} <= references
