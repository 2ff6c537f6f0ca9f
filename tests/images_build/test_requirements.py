"""What an image installs is read from the wheel itself."""

import importlib.util
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
METADATA = """Metadata-Version: 2.4
Name: csad
Version: 9.9
Requires-Dist: click>=8
Requires-Dist: kfp==2.17.0
Provides-Extra: score
Requires-Dist: numpy>=2; extra == "score"
Provides-Extra: serve
Requires-Dist: csad[score]; extra == "serve"
Requires-Dist: bentoml[io]==1.4; extra == "serve"
Requires-Dist: pywin32; sys_platform == "win32" and extra == "serve"
"""


@pytest.fixture(scope="module")
def requirements():
    spec = importlib.util.spec_from_file_location("image_requirements", ROOT / "images/requirements.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.requirements


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "csad-9.9-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        archive.writestr("csad-9.9.dist-info/METADATA", METADATA)
    return path


def test_an_extra_takes_in_the_extras_that_it_names_and_never_the_package_itself(requirements, wheel):
    assert requirements(wheel, {"serve"}) == ["bentoml[io]==1.4", "click>=8", "kfp==2.17.0", "numpy>=2"]


def test_the_core_alone_needs_no_extra(requirements, wheel):
    assert requirements(wheel, set()) == ["click>=8", "kfp==2.17.0"]


def test_an_extra_that_the_wheel_lacks_is_named(requirements, wheel):
    with pytest.raises(KeyError, match=r"no extra train"):
        requirements(wheel, {"serve", "train"})
