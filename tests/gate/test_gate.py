import json
import shutil

import pytest
from click.testing import CliRunner

from csad.cli import main
from csad.common.errors import DeploymentError, StageError
from csad.config.line import ProductLine
from csad.gate.bootstrap import widening
from csad.gate.checks import Rule
from csad.gate.decision import GateDecision, read_decision
from csad.gate.exam import SYNTHETIC_LOGICAL, SYNTHETIC_STRUCTURAL
from csad.gate.gate import Contender, decide, judge, load_champion
from csad.runner.snapshot import open_snapshot
from csad.scoring.scorer import Scorer
from csad.stages import evaluation, ingest


@pytest.fixture(scope="module")
def patient_line(tiny_line):
    """A busy machine may take ten times as long for one of two equal models."""
    return tiny_line.model_copy(update={"gate": tiny_line.gate.model_copy(update={"latency_ratio": 100.0})})


@pytest.fixture(scope="module")
def first(patient_line, tiny_model, evaluated, ingested, tmp_path_factory):
    """Folder of the decision on the first model of the line."""
    folder = tmp_path_factory.mktemp("gate")
    decide(patient_line, tiny_model, evaluated, ingested, None, folder)
    return folder


def test_the_first_model_needs_the_floor_only(first, tiny_model):
    decision = read_decision(first)
    assert decision.accepted
    assert decision.champion is None
    assert {check.rule for check in decision.checks} == {Rule.FLOOR, Rule.DETECTION, Rule.FALSE_REJECTS}
    assert decision.judged_on == "3 good test images and 6 anomalous test images"
    assert decision.challenger.checksum == Scorer.load(tiny_model).manifest.checksum
    assert decision.challenger.milliseconds > 0


def test_the_decision_survives_its_file(first):
    decision = read_decision(first)
    assert GateDecision.model_validate_json(json.dumps(decision.to_json())) == decision


def test_the_page_is_self_contained_and_gives_the_reasons(first):
    page = (first / "gate.html").read_text()
    assert "Accepted" in page
    assert "The first model of its line passes all 4 checks." in page
    for outside in ("http://", "https://", "<script", "src=", "url(", "$"):
        assert outside not in page


def test_a_damaged_decision_is_not_taken_for_one(first, copied):
    folder = copied(first, "gate")
    text = (folder / "gate.json").read_text()
    (folder / "gate.json").write_text(text[: len(text) // 2])
    with pytest.raises(DeploymentError, match=r"gate\.json cannot be read as a decision"):
        read_decision(folder)


def test_a_model_passes_against_itself(patient_line, tiny_model, evaluated, ingested, tmp_path):
    decision = decide(patient_line, tiny_model, evaluated, ingested, tiny_model, tmp_path, "v1")
    assert decision.accepted
    assert decision.champion is not None
    assert decision.champion.version == "v1"
    assert decision.reason == "no worse than the champion: all 10 checks pass"
    differences = [check.interval for check in decision.checks if check.rule in (Rule.REGRESSION, Rule.DECISIONS)]
    assert differences == [(0, 0)] * 4


def test_a_blind_model_is_refused_and_its_branches_are_reported(
    patient_line, blind_model, tiny_model, ingested, tmp_path
):
    measured = tmp_path / "evaluation"
    evaluation.run(patient_line, ingested, tmp_path / "no_gallery", blind_model, measured)
    decision = decide(patient_line, blind_model, measured, ingested, tiny_model, tmp_path / "gate")
    assert not decision.accepted
    failed = {(check.rule, check.subject) for check in decision.refusals}
    assert {(Rule.FLOOR, "logical_anomalies"), (Rule.REGRESSION, "structural_anomalies")} <= failed
    assert {check.challenger for check in decision.checks if check.rule == Rule.FLOOR} == {0.5}
    assert any(notice.startswith("branch components has a fusion weight of only 0.00") for notice in decision.notices)
    page = (tmp_path / "gate" / "gate.html").read_text()
    assert "Refused" in page
    assert "detection AUROC 0.500, less than 0.7." in page
    for images in (6, 20):
        assert page.count(f"by {100 * (widening(images) - 1):.0f} % for {images}") == 3
    assert ", widened for only 3 images)" in page


def test_without_anomalous_images_they_are_made(patient_line, tiny_model, not_evaluated, without_tests, tmp_path):
    decision = decide(patient_line, tiny_model, not_evaluated, without_tests, tiny_model, tmp_path)
    assert [check.rule for check in decision.refusals] == [Rule.FALSE_REJECTS]
    assert "no good images that neither trained nor set the threshold" in decision.reason
    assert {check.subject for check in decision.checks if check.rule == Rule.FLOOR} == {
        SYNTHETIC_LOGICAL,
        SYNTHETIC_STRUCTURAL,
    }
    assert all(check.images == (5, 5) for check in decision.checks if check.rule == Rule.FLOOR)
    assert "which chose the threshold" in decision.judged_on


def test_the_made_anomalies_find_a_blind_model(patient_line, blind_model, tiny_model, without_tests):
    challenger, champion = Contender(Scorer.load(blind_model)), load_champion(tiny_model)
    decision = judge(patient_line, challenger, champion, open_snapshot(without_tests))
    assert not decision.accepted
    assert (Rule.FLOOR, SYNTHETIC_LOGICAL) in {(check.rule, check.subject) for check in decision.refusals}


def test_the_same_inputs_give_the_same_decision(patient_line, tiny_model, blind_model, without_tests):
    def once():
        decision = judge(
            patient_line, Contender(Scorer.load(blind_model)), load_champion(tiny_model), open_snapshot(without_tests)
        )
        return [check for check in decision.checks if check.rule != Rule.SLOWER]

    assert once() == once()


def test_an_evaluation_of_other_images_is_not_used(patient_line, tiny_model, edited, ingested, tmp_path):
    other = edited(lambda figures: figures.update(data="0" * 64))
    with pytest.raises(DeploymentError, match=r"of other images: digest 000000000000, expected [0-9a-f]{12}; run the"):
        decide(patient_line, tiny_model, other, ingested, None, tmp_path / "gate")


def test_an_evaluation_of_another_model_is_not_used(patient_line, tiny_model, edited, ingested, tmp_path):
    def lift(figures):
        for record in figures["records"]:
            record["score"] += 50

    with pytest.raises(DeploymentError, match="the evaluation is not of this model: test/"):
        decide(patient_line, tiny_model, edited(lift), ingested, None, tmp_path / "gate")
    assert not (tmp_path / "gate").exists()


def test_a_model_of_another_line_is_refused(patient_line, tiny_model, evaluated, ingested, tmp_path):
    other = ProductLine(name="bottles")
    with pytest.raises(DeploymentError, match="the new model is of line tiny, expected bottles"):
        decide(other, tiny_model, evaluated, ingested, None, tmp_path)


def test_a_damaged_champion_is_named(patient_line, tiny_model, evaluated, ingested, copied, tmp_path):
    champion = copied(tiny_model, "champion")
    (champion / "teacher.safetensors").write_bytes(b"damaged")
    with pytest.raises(DeploymentError, match=r"the champion v7 cannot be loaded.*teacher\.safetensors was changed"):
        decide(patient_line, tiny_model, evaluated, ingested, champion, tmp_path, "v7")


def test_images_of_any_sizes_can_be_made_anomalous(patient_line, tiny_model, without_tests, copied, tmp_path):
    from PIL import Image

    data = tmp_path / "data"
    shutil.copytree(without_tests / "train", data / "train")
    shutil.copytree(without_tests / "validation", data / "validation")
    for index, path in enumerate(sorted((data / "validation" / "good").glob("*.png"))):
        Image.open(path).resize((128 + 16 * index, 128)).save(path)
    ingest.run(patient_line, data, tmp_path / "images")
    decision = judge(patient_line, Contender(Scorer.load(tiny_model)), None, open_snapshot(tmp_path / "images"))
    assert {check.subject for check in decision.checks if check.rule == Rule.FLOOR} == {
        SYNTHETIC_LOGICAL,
        SYNTHETIC_STRUCTURAL,
    }


def test_what_ingest_did_not_write_cannot_be_judged_on(patient_line, tiny_model, evaluated, tiny_line_data, tmp_path):
    with pytest.raises(StageError, match=r"snapshot\.json"):
        decide(patient_line, tiny_model, evaluated, tiny_line_data, None, tmp_path)


def test_the_command_accepts_and_writes_a_report(tiny_model, tiny_line_data, patient_line, tmp_path):
    (tmp_path / "line.yaml").write_text(patient_line.to_yaml())
    report = tmp_path / "gate.html"
    arguments = [tiny_model, "--data", tiny_line_data, "--champion", tiny_model, "--line", tmp_path / "line.yaml"]
    result = CliRunner().invoke(main, ["gate", *map(str, arguments), "--json", "--report", str(report)])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["accepted"] is True
    assert "Accepted" in report.read_text()


def test_the_command_refuses_with_exit_code_1(blind_model, tiny_line_data):
    result = CliRunner().invoke(main, ["gate", str(blind_model), "--data", str(tiny_line_data)])
    assert result.exit_code == 1
    assert "FAILED  floor" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("REFUSED: logical anomalies: detection AUROC")
