"""Where there is no torch, images are scored all the same: by the library, by `csad score` and over HTTP."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from csad.images import read_rgb
from csad.serving.model import ServedModel
from csad.serving.settings import ServingSettings
from tests.serving.conftest import serving

BLOCKED = ("torch", "torchvision", "timm", "segmentation_models_pytorch", "scipy", "skimage", "sklearn", "hdbscan")
SCORE = """
import json, sys
from pathlib import Path
from csad.images import read_rgb
from csad.scoring.scorer import Scorer
scorer = Scorer.load(Path(sys.argv[1]), runtime=sys.argv[3])
score = scorer.score(read_rgb(Path(sys.argv[2])))
print(json.dumps([scorer.runtime.name, score.value, score.explanations, score.map.shape]))
"""

SERVED = """
import sys
from pathlib import Path
from csad.serving.runtime import Runtime
from csad.serving.settings import ServingSettings
runtime = Runtime(ServingSettings(model_folder=Path(sys.argv[1])))
print(runtime.model.card.runtime.split()[0], sorted({"torch", "timm", "scipy", "skimage"} & set(sys.modules)))
"""


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Every process that inherits it finds neither torch nor what comes with it."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({BLOCKED}))\n")
    here = str(Path(__file__).parents[3])
    return {"PYTHONPATH": os.pathsep.join([str(folder), here])}


def python(environment, *arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def odd(tiny_line_data):
    """The disc is missing."""
    return tiny_line_data / "test" / "logical_anomalies" / "000.png"


def test_the_environment_has_no_torch(environment):
    assert "ModuleNotFoundError: import of torch halted" in python(environment, "-c", "import torch").stderr


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_the_library_scores_maps_and_explains(environment, exported_model, odd, reference, runtime):
    done = python(environment, "-c", SCORE, exported_model, odd, runtime)

    assert done.returncode == 0, done.stderr
    name, value, explanations, shape = json.loads(done.stdout)
    expected = reference.score(read_rgb(odd))
    assert name == runtime
    assert value == pytest.approx(expected.value, rel=1e-3)
    assert tuple(explanations) == expected.explanations
    assert tuple(shape) == expected.map.shape


def test_the_command_scores_and_says_what_computed(environment, exported_model, odd, tmp_path, reference):
    done = python(environment, "-m", "csad.cli", "score", exported_model, odd, "--json", "--maps", tmp_path / "maps")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["score"] == pytest.approx(reference.score(read_rgb(odd)).value, rel=1e-3)
    assert "computed by onnxruntime 1." in done.stderr
    assert list((tmp_path / "maps").iterdir())


def test_a_model_without_a_graph_says_what_to_install(environment, tiny_model, odd):
    done = python(environment, "-m", "csad.cli", "score", tiny_model, odd)

    assert done.returncode == 1
    assert "torch is not installed" in done.stderr
    assert "has no exported graph" in done.stderr


def test_the_service_scores_and_draws(environment, exported_model, odd, tmp_path, reference):
    with serving(exported_model, tmp_path, **environment) as server:
        scored = server.post("/score", files={"image": odd.read_bytes()})
        described = server.get("/model")
        drawn = server.post("/explain", files={"image": odd.read_bytes()}, headers={"Accept": "image/png"})

    assert scored.status_code == drawn.status_code == 200
    assert scored.json()["score"] == pytest.approx(reference.score(read_rgb(odd)).value, rel=1e-3)
    assert drawn.content.startswith(b"\x89PNG")
    assert described.json()["runtime"].startswith("onnxruntime 1.")


def test_a_service_leaves_an_installed_torch_alone_where_the_graph_computes(exported_model):
    """It would hold hundreds of megabytes for nothing."""
    done = python({}, "-c", SERVED, exported_model)

    assert done.stdout == "onnxruntime []\n", done.stderr


@pytest.mark.parametrize(
    ("runtime", "wanted", "images"), [("onnxruntime", 0, 1), ("torch", 0, 4), ("onnxruntime", 3, 3)]
)
def test_a_service_scores_images_of_a_graph_one_by_one_unless_told_otherwise(exported_model, runtime, wanted, images):
    model = ServedModel(ServingSettings(model_folder=exported_model, runtime=runtime, max_batch=wanted))

    assert model.max_batch == images
