"""Which namespace a run's model is served in, and which accelerators and nodes its tasks ask for."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from pipelines.__main__ import main
from tests.pipelines.compiled import Compiled

ROOT = Path(__file__).parents[2]
LINE = ROOT / "lines/fastener_kit.yaml"
TRAINING_FILE, PROMOTION_FILE = (ROOT / f"pipelines/compiled/{name}.yaml" for name in ("training", "promotion"))
VERSION = "20261124T101500Z-0123abcd"
SUBMIT = ("submit", LINE, "--package", TRAINING_FILE)
PROMOTE = ("promote", LINE, VERSION, "--package", PROMOTION_FILE)


def command(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def scheduled(tmp_path):
    def scheduled(schedule="{cron: 0 0 2 * * MON}"):
        (tmp_path / "lines").mkdir(exist_ok=True)
        (tmp_path / "lines/bottles.yaml").write_text(f"name: bottles\nschedule: {schedule}\n")
        return ("schedules", "apply", "--lines", tmp_path / "lines", "--package", TRAINING_FILE)

    return scheduled


def told(kfp):
    """Parameters of the only run, or recurring run."""
    (run,) = [*kfp.runs.values(), *kfp.recurring.values()]
    return run["runtime_config"]["parameters"]


@pytest.fixture(params=["submit", "promote", "schedules apply"])
def arguments(request, scheduled):
    return {"submit": SUBMIT, "promote": PROMOTE, "schedules apply": scheduled()}[request.param]


def test_in_a_profile_models_are_served_in_the_users_namespace(kfp, arguments):
    kfp.multi_user = True
    done = command(*arguments, "--kfp-namespace", "team-a")
    assert done.exit_code == 0, done.output
    assert told(kfp)["namespace"] == "team-a"


def test_a_namespace_that_is_given_comes_before_the_users(kfp, arguments):
    kfp.multi_user = True
    assert command(*arguments, "--kfp-namespace", "team-a", "--namespace", "serving").exit_code == 0
    assert told(kfp)["namespace"] == "serving"


def test_on_a_server_for_one_user_the_compiled_pipeline_says_where(kfp, arguments):
    assert command(*arguments).exit_code == 0
    assert "namespace" not in told(kfp)


def test_a_server_with_several_users_has_to_be_told_which(kfp, arguments):
    kfp.multi_user = True
    done = command(*arguments)
    assert done.exit_code == 1
    assert "it is not said whose namespace is meant; give --kfp-namespace NAME, or set KFP_NAMESPACE" in done.output
    assert kfp.runs == kfp.recurring == kfp.versions == {}


def test_a_schedule_that_served_elsewhere_is_replaced(kfp, scheduled):
    kfp.multi_user = True
    command(*scheduled(), "--kfp-namespace", "team-a")
    done = command(*scheduled(), "--kfp-namespace", "team-a", "--namespace", "serving")
    assert 'parameters.namespace: "team-a" -> "serving"' in done.output
    assert told(kfp)["namespace"] == "serving"


def test_a_bare_run_is_served_where_the_pipelines_were_compiled_for(tmp_path):
    assert command("compile", "--namespace", "team-a", "--output", tmp_path).exit_code == 0
    for name in ("training", "promotion"):
        compiled = Compiled((tmp_path / f"{name}.yaml").read_text())
        assert compiled.parameters["namespace"]["defaultValue"] == "team-a"


MIG = ("--accelerator", "nvidia.com/mig-1g.10gb", "--accelerator-count", "2")
POOL = ("--node-selector", "pool=small", "--node-selector", "zone=a")
TAINTS = ("--toleration", "nvidia.com/gpu", "--toleration", "pool=small:NoExecute")
ASKED = {
    "accelerator": "nvidia.com/mig-1g.10gb",
    "accelerator_count": "2",
    "node_selector": {"pool": "small", "zone": "a"},
    "tolerations": [
        {"key": "nvidia.com/gpu", "operator": "Exists"},
        {"key": "pool", "operator": "Equal", "value": "small", "effect": "NoExecute"},
    ],
}
IN_THE_LINE = """{cron: 0 0 2 * * MON, accelerator: nvidia.com/mig-1g.10gb, accelerator_count: 2,
  node_selector: {pool: small, zone: a}, tolerations: [nvidia.com/gpu, 'pool=small:NoExecute']}"""


def asked(kfp):
    return {name: value for name, value in told(kfp).items() if name in ASKED}


def test_a_command_names_accelerators_and_nodes(kfp, scheduled):
    for arguments in (SUBMIT, scheduled()):
        kfp.runs.clear()
        done = command(*arguments, *MIG, *POOL, *TAINTS)
        assert done.exit_code == 0, done.output
        assert asked(kfp) == ASKED


def test_a_lines_schedule_names_them_for_its_runs_and_a_command_comes_first(kfp, scheduled):
    command(*scheduled(IN_THE_LINE))
    assert asked(kfp) == ASKED
    kfp.recurring.clear()
    command(*scheduled(IN_THE_LINE), "--accelerator", "amd.com/gpu")
    assert asked(kfp) == {**ASKED, "accelerator": "amd.com/gpu"}


def test_where_they_are_not_named_the_pipelines_own_hold(kfp):
    command(*SUBMIT)
    assert asked(kfp) == {}


def test_they_are_no_part_of_what_a_run_is_told_of_its_line(kfp, scheduled):
    command(*scheduled(IN_THE_LINE))
    assert told(kfp)["line_yaml"] == "{name: bottles}"


@pytest.mark.parametrize("named_by", ["the line", "the command"])
def test_a_pipeline_without_gpus_refuses_them_and_nothing_is_started(kfp, scheduled, tmp_path, named_by):
    arguments = [*scheduled(IN_THE_LINE if named_by == "the line" else "{cron: 0 0 2 * * MON}")][:-2]
    done = command(*arguments, "--cpu-only", *([] if named_by == "the line" else MIG))
    assert done.exit_code == 1
    assert "line bottles: accelerator, accelerator_count" in done.output
    assert "is compiled without GPUs" in done.output
    assert kfp.recurring == kfp.versions == {}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (("--accelerator", "mig"), "--accelerator: 'mig'"),
        (("--node-selector", "pool"), "'pool' has no =; expected KEY=VALUE"),
        (("--toleration", "pool:Never"), "'pool:Never' is no toleration; expected KEY, KEY:EFFECT or KEY=VALUE:EFFECT"),
    ],
)
def test_what_kubernetes_would_not_understand_is_refused_at_once(kfp, given, complaint):
    done = command(*SUBMIT, *given)
    assert done.exit_code == 2
    assert complaint in " ".join(done.output.split())
    assert kfp.runs == {}


def test_a_compiled_default_is_what_the_line_names(tmp_path):
    line = tmp_path / "line.yaml"
    line.write_text(f"name: bottles\nschedule: {IN_THE_LINE}\n")
    assert command("compile", "--gpu", "--line", line, "--output", tmp_path).exit_code == 0
    parameters = Compiled((tmp_path / "training.yaml").read_text()).parameters
    assert {name: parameters[name]["defaultValue"] for name in ASKED} == ASKED
    assert yaml.safe_load((tmp_path / "training.yaml").read_text().split("---")[0])
