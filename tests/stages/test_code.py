import pytest

from csad.stages import code


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in the place of csad."""
    files = {
        "__init__.py": "",
        "line.py": "",
        "unused.py": "",
        "parts/__init__.py": "from csad.parts.masks import propose",
        "parts/masks.py": "def propose():\n    from .. import helpers",
        "helpers.py": "import numpy",
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


@pytest.mark.parametrize("name", ["line.py", "parts/masks.py", "helpers.py", "stages/masks.py"])
def test_a_change_of_used_code_is_another_version(package, name):
    before = version()
    (package / name).write_text((package / name).read_text() + "\n# changed")
    assert version() != before


def test_a_change_of_other_code_is_not(package):
    before = version()
    (package / "unused.py").write_text("changed = True")
    assert version() == before


def test_the_report_is_no_reason_to_train_again():
    assert "csad.evaluation.report" not in code._reachable("csad.stages.segnet")
    assert "csad.evaluation.report" in code._reachable("csad.stages.evaluation")
    assert "csad.lgst.teacher" in code._reachable("csad.stages.lgst")
    assert "csad.lgst.teacher" not in code._reachable("csad.stages.masks")
