import io
import json
import tarfile
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from csad.cli import main
from csad.common.errors import DeploymentError, ModelFolderError
from csad.common.hashing import file_sha256
from csad.images import ImageFile, ImageSet
from csad.packaging.archive_smoke import check_archive, choose_images, drawn_smoke_test, smoke_test_of
from csad.packaging.bento import build_bento, write_archive
from csad.packaging.fetch_archive import extract
from csad.packaging.packaging import Package, package
from csad.packaging.provenance import Provenance, read_scores
from csad.packaging.smoke import SmokeFailed, SmokeTest
from csad.runner.snapshot import open_snapshot
from csad.scoring.model_folder import read_manifest
from csad.scoring.scorer import Scorer


@pytest.fixture(scope="module")
def provenance(tiny_model, evaluated) -> Provenance:
    return Provenance.of(read_manifest(tiny_model), "abc123", read_scores(evaluated))


@pytest.fixture(scope="module")
def smoke_test(tiny_model, ingested) -> SmokeTest:
    return smoke_test_of(Scorer.load(tiny_model), choose_images(open_snapshot(ingested)))


@pytest.fixture(scope="module")
def packaged(tiny_model, provenance, smoke_test, tmp_path_factory) -> Package:
    """The tiny model, packaged and checked over HTTP once. Read only."""
    return package(tiny_model, tmp_path_factory.mktemp("package"), provenance, smoke_test)


def test_a_package_holds_the_model_byte_for_byte(packaged, tiny_model, tmp_path):
    extract(packaged.bento, tmp_path)
    assert read_manifest(tmp_path / "src" / "model") == read_manifest(tiny_model)
    assert packaged.sha256 == file_sha256(packaged.bento)
    assert set(packaged.files) == {"bento.tar.gz", "smoke.json", "provenance.json"}


def test_a_bento_says_where_it_comes_from(packaged, tiny_model, tiny_line, tmp_path):
    extract(packaged.bento, tmp_path)
    manifest = read_manifest(tiny_model)
    labels = yaml.safe_load((tmp_path / "bento.yaml").read_text())["labels"]
    assert (labels["line"], labels["git_commit"], labels["seed"]) == ("tiny", "abc123", "3")
    assert (labels["snapshot"], labels["config_digest"]) == (manifest.snapshot, tiny_line.digest())
    assert json.loads(labels["scores"])["false_reject_rate"] is not None
    assert json.loads(labels["packages"])["bentoml"] == "1.4.39"
    inside = json.loads((tmp_path / "src" / "provenance.json").read_text())
    assert inside == json.loads(packaged.provenance.read_text())
    assert json.loads((tmp_path / "src" / "metrics.json").read_text()) == inside["scores"]


def test_the_smoke_test_holds_the_scores_of_the_evaluation(packaged, evaluated):
    test = SmokeTest.parse(packaged.smoke.read_bytes(), "this package")
    scores = {
        record["key"]: record["score"] for record in json.loads((evaluated / "evaluation.json").read_text())["records"]
    }
    assert [image.name for image in test.images] == [
        "test/good/000",
        "test/logical_anomalies/000",
        "test/structural_anomalies/000",
        "test/good/001",
    ]
    assert [image.score for image in test.images] == pytest.approx([scores[image.name] for image in test.images], 1e-4)


def test_the_same_model_gives_the_same_archive(packaged, tiny_model, provenance, tmp_path):
    again = build_bento(tiny_model, read_manifest(tiny_model), provenance, tmp_path / "build")
    write_archive(again, tmp_path / "bento.tar.gz")
    assert file_sha256(tmp_path / "bento.tar.gz") == packaged.sha256


def test_a_service_that_scores_differently_is_found(packaged, tiny_model, tmp_path):
    test = drawn_smoke_test(Scorer.load(tiny_model))
    first = test.images[0]
    moved = first.model_copy(update={"score": first.score + 2e-4 * max(1.0, abs(first.score))})
    with pytest.raises(SmokeFailed, match="the smoke test fails: image drawn/gradient scores"):
        check_archive(packaged.bento, SmokeTest(images=(moved, *test.images[1:])), tmp_path)


def test_a_service_that_does_not_start_gives_its_last_words(packaged, smoke_test, tmp_path):
    broken = tmp_path / "broken.tar.gz"
    with tarfile.open(packaged.bento) as whole, tarfile.open(broken, "w:gz") as partial:
        for entry in whole:
            if not entry.name.endswith("teacher.safetensors"):
                content = whole.extractfile(entry) if entry.isfile() else None
                partial.addfile(entry, io.BytesIO(content.read()) if content else None)
    (tmp_path / "work").mkdir()
    with pytest.raises(
        DeploymentError, match=r"the service of the new Bento ends at once.*teacher\.safetensors is missing"
    ):
        check_archive(broken, smoke_test, tmp_path / "work")


def test_a_damaged_model_folder_leaves_nothing(copied, tiny_model, provenance, smoke_test, tmp_path):
    model = copied(tiny_model, "model")
    (model / "backbone.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelFolderError, match=r"backbone\.safetensors was changed"):
        package(model, tmp_path / "output", provenance, smoke_test)
    assert not (tmp_path / "output").exists()


def test_another_model_than_the_one_described_is_refused(blind_model, provenance, smoke_test, tmp_path):
    with pytest.raises(DeploymentError, match="another model than the one described"):
        package(blind_model, tmp_path, provenance, smoke_test)


def test_an_evaluation_of_another_model_is_found(blind_model, ingested, evaluated):
    from csad.gate.gate import read_known

    images, scorer = open_snapshot(ingested), Scorer.load(blind_model)
    known = read_known(evaluated, scorer.manifest, images)
    with pytest.raises(DeploymentError, match=r"test/good/000 scored .* at the evaluation and scores 0 now"):
        smoke_test_of(scorer, choose_images(images), known)


def image_set(**kinds: int) -> ImageSet:
    def listed(split: str, kind: str, count: int) -> list[ImageFile]:
        return [ImageFile(f"{index:03d}", Path(f"{split}/{kind}/{index}.png"), split, kind) for index in range(count)]

    test = [file for kind, count in kinds.items() for file in listed("test", kind, count)]
    return ImageSet(Path(), (), tuple(listed("validation", "good", 9)), tuple(test), "")


def test_a_few_images_of_every_kind_are_chosen():
    chosen = choose_images(image_set(broken=5, good=5, dirty=1))
    assert [file.key for file in chosen] == ["test/good/000", "test/broken/000", "test/dirty/000", "test/good/001"]
    assert [file.key for file in choose_images(image_set(good=1))] == ["test/good/000"]
    assert [file.split for file in choose_images(image_set())] == ["validation"] * 4


def test_without_a_commit_the_provenance_says_so(tiny_model):
    assert Provenance.of(read_manifest(tiny_model), " ", {}).git_commit == "unknown"


def test_the_command_packages_without_images(tiny_model, tmp_path):
    output = tmp_path / "bento"
    result = CliRunner().invoke(main, ["package", str(tiny_model), "--output", str(output), "--commit", "c0", "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["sha256"] == file_sha256(output / "bento.tar.gz")
    assert json.loads((output / "provenance.json").read_text())["git_commit"] == "c0"
