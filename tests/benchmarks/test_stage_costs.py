"""The ratios behind `python -m pipelines estimate`: how runs are timed, fitted and checked."""

import sys
import time

import pytest
import torch

from benchmarks import stage_costs
from benchmarks.stage_clock import GpuNodeClock, ProcessorClock, clock_of
from benchmarks.stage_costs import Size, check, fit, fit_stages, measure_costs
from csad.stages.order import STAGES
from pipelines.stage_costs import StageCosts

SIZES = (Size(10, 2, 1, 16_384, 10, 100), Size(20, 4, 2, 32_768, 20, 200), Size(30, 6, 3, 65_536, 30, 400))


class PretendedGpu:
    """Ten seconds pass between two looks; its tasks start in four."""

    device = "cuda"
    machine = "a GPU"

    def __init__(self):
        self.seconds = 0.0

    def now(self):
        self.seconds += 10
        return self.seconds

    def start(self):
        return 4.0


@pytest.fixture
def runs(monkeypatch):
    """Runs of which every stage takes what the clock says and writes 1 MB; the sizes, as they were run."""
    asked = []

    def measure(size, folder, clock):
        asked.append(size)
        started = clock.now()
        seconds = clock.now() - started
        return dict.fromkeys(STAGES, seconds), dict.fromkeys(STAGES, 1.0)

    monkeypatch.setattr(stage_costs, "measure", measure)
    return asked


def test_ratios_of_exact_runs_are_found_again():
    quantities = [(1.0, 10.0), (2.0, 5.0), (4.0, 40.0), (8.0, 1.0)]
    found = fit(quantities, [3 + 2 * first + 0.5 * second for first, second in quantities])
    assert found.constant == pytest.approx(3)
    assert found.factors == pytest.approx((2, 0.5))


def test_no_ratio_is_below_zero():
    found = fit([(1.0,), (2.0,)], [10.0, 9.0])  # less work takes longer: a constant explains it best
    assert found.factors == (0,)
    assert 9 < found.constant < 10


def test_a_run_is_estimated_by_the_others_and_starts_once():
    seconds = [dict.fromkeys(STAGES, 10.0), dict.fromkeys(STAGES, 10.0), dict.fromkeys(STAGES, 30.0)]
    first, _, third = check(SIZES, seconds, start=4)
    assert (third.images, third.megapixels, third.steps) == (45, 0.066, 30)  # 30 + 6 good, 3 of each of three kinds
    assert (third.real, third.estimated) == (4 + 8 * 30, 4 + 8 * 10)
    assert first.real == 4 + 8 * 10


def test_on_a_gpu_the_first_run_loads_kernels_and_does_not_count(runs):
    costs = measure_costs(PretendedGpu(), "abc", SIZES)
    assert runs == [SIZES[0], *SIZES]
    assert (costs.device, costs.machine, costs.commit, costs.start) == ("cuda", "a GPU", "abc", 4)
    assert costs.seconds["segnet"].constant == pytest.approx(10)
    assert costs.megabytes["segnet"].constant == pytest.approx(1)


def test_a_runtime_that_was_absent_is_named(runs, monkeypatch):
    monkeypatch.setattr(stage_costs, "is_installed", lambda name: name != "openvino")
    assert measure_costs(PretendedGpu(), "abc", SIZES).without == ("openvino",)


def test_a_processor_works_while_a_clock_on_the_wall_also_waits():
    clock = ProcessorClock()
    before = clock.now()
    time.sleep(0.3)
    assert clock.now() - before < 0.2
    while clock.now() - before < 0.3:
        sum(range(10_000))


def test_a_gpu_that_is_not_there_ends_the_command_before_anything_runs(runs, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CSAD_DEVICE", "cpu")
    output = tmp_path / "costs.json"
    monkeypatch.setattr(sys, "argv", ["stage_costs", "--device", "cuda", "--output", str(output)])
    with pytest.raises(SystemExit) as ended:
        stage_costs.main()
    assert "Error: " in str(ended.value.code)
    assert (runs, output.exists()) == ([], False)


def test_the_clock_of_a_gpu_node_names_both_and_waits_for_the_gpu(monkeypatch):
    waited = []
    monkeypatch.setattr("benchmarks.stage_clock.chosen_device", lambda name: torch.device(name, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100")
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    clock = clock_of("cuda")
    assert isinstance(clock, GpuNodeClock)
    assert clock.machine.startswith("cuda:0, NVIDIA H100; ")
    before = clock.now()
    time.sleep(0.05)
    assert clock.now() - before >= 0.05
    assert waited == [torch.device("cuda", 0)] * 2


@pytest.mark.slow
def test_two_small_runs_give_a_table(monkeypatch, tmp_path):
    sizes = (Size(12, 4, 1, 16_384, 5, 100), Size(16, 5, 2, 16_384, 10, 200))
    measured = stage_costs.measure_costs
    monkeypatch.setattr(stage_costs, "measure_costs", lambda clock, commit: measured(clock, commit, sizes))
    output = tmp_path / "costs.json"
    monkeypatch.setattr(sys, "argv", ["stage_costs", "--device", "cpu", "--output", str(output), "--commit", "abc"])
    monkeypatch.setenv("CSAD_DEVICE", "cpu")
    stage_costs.main()
    costs = StageCosts.model_validate_json(output.read_text(encoding="utf-8"))
    assert (costs.device, costs.commit) == ("cpu", "abc")
    assert set(costs.seconds) == set(costs.megabytes) == set(STAGES)
    smallest, largest = (costs.seconds_of("statistics", size.work()) for size in sizes)
    assert 0 < smallest <= largest
    assert [run.images for run in costs.checks] == [19, 27]


def test_stages_that_a_run_hardly_feels_have_a_ratio():
    seconds = [dict.fromkeys(STAGES, 0.0)] * 3
    assert fit_stages(SIZES, seconds)["tagging"].of(()) == pytest.approx(1e-3)
