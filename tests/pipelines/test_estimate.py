"""`python -m pipelines estimate`: worked out by hand from ratios made for the purpose."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from csad.common.errors import CsadError, DatasetError, StoreError
from csad.config.line import ProductLine
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.push import push_dataset
from kfp_client.server_runs import RunServer
from pipelines.__main__ import main
from pipelines.estimate import estimate_run, find_unmeasured
from pipelines.image_counts import ImageCounts, count_images
from pipelines.last_run import LastRun, find_last_run
from pipelines.pods import Load
from pipelines.shape import Shape
from pipelines.stage_costs import Ratios, StageCosts, gpu_stage_costs, stage_costs
from pipelines.stage_work import Workload
from tests.services.kfp_workflow import Workflow

ROOT = Path(__file__).parents[2]
LINE = ROOT / "lines/fastener_kit.yaml"
DATA = ROOT / "examples/fastener_kit/data"
MINUTES = {"ingest": 1, "tagging": 0, "clustering": 1, "segnet": 2, "lgst": 10, "statistics": 1, "evaluation": 1}
MEGABYTES = {"masks": 1, "clustering": 2, "segnet": 3, "lgst": 4, "statistics": 5, "evaluation": 6}
LENGTHS = {"ingest": 1, "tagging": 0, "segnet": 1}


def ratios(stage, constant, first=0.0):
    length = LENGTHS.get(stage, 2)
    return Ratios(constant=constant, factors=(first, 0.0)[:length])


@pytest.fixture
def costs(monkeypatch):
    """Every stage takes the same whatever the line, but for masks: 6 s an image. A task's code loads in 10 s."""
    made = StageCosts(
        machine="a processor",
        date="2030-01-01",
        csad="1+abc",
        commit="f" * 40,
        data="a kit",
        seed=0,
        start=10,
        seconds={name: ratios(name, 60 * value) for name, value in MINUTES.items()} | {"masks": ratios("masks", 0, 6)},
        megabytes={name: ratios(name, value) for name, value in MEGABYTES.items()},
    )
    monkeypatch.setattr("pipelines.stage_costs.stage_costs", lambda: made)
    return made


@pytest.fixture
def kit():
    """25 images of 4 MB each; 4 of the 20 good ones will be held out."""
    return ImageCounts(train=20, validation=0, test=5, megabytes=100)


@pytest.fixture
def gpu_costs(costs):
    """On the GPU node a stage takes half of that, and its code and GPU are ready after 16 s."""
    halves = {name: ratios(name, 30 * value) for name, value in MINUTES.items()} | {"masks": ratios("masks", 0, 3)}
    changed = {"device": "cuda", "machine": "a GPU", "date": "2030-02-02", "start": 16.0, "seconds": halves}
    return costs.model_copy(update=changed)


def estimated(costs, kit, gpu=False, last=None, gpu_costs=None, **shape):
    line = ProductLine(name="kit")
    return estimate_run(line, kit, Shape(**shape), Load(tasks=10, pods=22, steps=9), costs, gpu, last, gpu_costs)


def test_the_quantities_of_a_line():
    line = ProductLine.from_yaml("{name: kit, images: {size: [64, 320]}, segmentation: {steps: 50, batch: 4}}")
    work = Workload.of(line, train=20, validation=0, test=5)
    assert (work.train, work.validation, work.test) == (16, 4, 5)
    assert work.megapixels == 0.02048
    assert work.trained_images == 50 * 8
    assert work.patches == 4000  # of 16 images with 64 * 320 / 64 = 320 cells each
    assert work.quantities("masks") == (20, 20 * 0.02048)
    assert work.quantities("segnet") == (400 * 0.02048,)
    assert work.quantities("evaluation") == (9 * 0.02048, 9 * 0.02048 * 4)


def test_minutes_add_up_and_the_clusters_time_is_the_longest_way(costs, kit):
    found = estimated(costs, kit)
    assert {stage.name: stage.minutes for stage in found.stages} == {
        "ingest": 1, "masks": 2, "clustering": 1, "segnet": 2, "lgst": 10, "statistics": 1, "evaluation": 1
    }  # fmt: skip
    assert found.work == 18
    # ingest 1, lgst 10 (masks, clustering and segnet take 5 beside it), statistics 1, evaluation 1;
    # 9 steps with 10 s for the process and 10 s of Kubeflow's own make 3.
    assert found.wall == pytest.approx(16)
    assert not found.is_lower_bound


def test_tasks_that_share_the_masks_shorten_the_way(costs, kit):
    costs = costs.model_copy(update={"seconds": {**costs.seconds, "lgst": ratios("lgst", 0)}})
    assert estimated(costs, kit).wall - estimated(costs, kit, shards=2).wall == pytest.approx(1)


def test_the_store_sends_the_images_to_each_stage(costs, kit):
    found = {stage.name: (stage.reads, stage.writes) for stage in estimated(costs, kit).stages}
    # 80 of 100 MB train and calibrate; `release` reads images and model beside `evaluation`.
    assert found == {
        "ingest": (100, 180),
        "masks": (80, 1),
        "clustering": (81, 2),
        "segnet": (82, 3),
        "lgst": (80, 4),
        "statistics": (80 + 2 + 3 + 4, 5),
        "evaluation": (100 + 2 + 5 + (100 + 5), 6),
    }


def test_what_nobody_measured_is_left_out_and_named(costs, kit):
    costs = costs.model_copy(update={"megabytes": {**costs.megabytes, "tagging": ratios("tagging", 0)}})
    found = estimated(costs, kit, foundation=True, asks_tagger=True)
    assert found.is_lower_bound
    assert found.work == 16  # without the 2 minutes of masks
    text = found.to_text()
    assert "masks was not measured: pseudo_labels.proposals is foundation; it is left out of all sums" in text
    assert "kit: at least 16 min of work" in text


def test_settings_that_no_ratio_is_of():
    line = ProductLine.from_yaml("{name: kit, lgst: {local_student: pdn, global_student: autoencoder}}")
    assert set(find_unmeasured(line, Shape())) == {"lgst", "statistics", "evaluation"}
    assert find_unmeasured(ProductLine(name="kit"), Shape()) == {}


def test_minutes_on_gpu_nodes_are_said_to_be_those_of_a_cpu(costs, kit):
    found = estimated(costs, kit, gpu=True)
    assert (found.minutes_on("CPU"), found.minutes_on("GPU")) == (3, 15)  # ingest and masks need no GPU
    assert "no ratios were measured on a GPU yet" in found.to_text()


def test_stages_on_gpu_nodes_take_what_they_took_on_a_gpu_and_both_sources_are_named(costs, gpu_costs, kit):
    found = estimated(costs, kit, gpu=True, gpu_costs=gpu_costs)
    assert {stage.name: stage.minutes for stage in found.stages} == {
        "ingest": 1, "masks": 2, "clustering": 0.5, "segnet": 1, "lgst": 5, "statistics": 0.5, "evaluation": 0.5
    }  # fmt: skip
    assert (found.minutes_on("CPU"), found.minutes_on("GPU")) == (3, 7.5)
    # ingest 1, lgst 5 (masks, clustering and segnet take 3.5 beside it), statistics and evaluation 1;
    # 9 steps with 16 s for the slower of the two starts and 10 s of Kubeflow's own make 3.9.
    assert found.wall == pytest.approx(10.9)
    text = found.to_text()
    assert "one CPU core" not in text
    assert "ratios: a processor, 2030-01-01, " in text
    assert "; on GPU nodes a GPU, 2030-02-02, " in text


def test_without_gpu_nodes_the_ratios_of_a_gpu_are_not_used(costs, gpu_costs, kit):
    assert estimated(costs, kit, gpu_costs=gpu_costs) == estimated(costs, kit)


def test_a_stage_that_was_not_measured_on_the_gpu_is_named_and_takes_what_it_took_on_the_cpu(costs, gpu_costs, kit):
    kept = {name: found for name, found in gpu_costs.seconds.items() if name not in ("segnet", "lgst", "masks")}
    found = estimated(costs, kit, gpu=True, gpu_costs=gpu_costs.model_copy(update={"seconds": kept}))
    minutes = {stage.name: stage.minutes for stage in found.stages}
    assert (minutes["segnet"], minutes["lgst"], minutes["clustering"]) == (2, 10, 0.5)
    assert "minutes of segnet, lgst on GPU nodes are those of one CPU core" in found.to_text()


def test_a_measurement_that_lacked_a_runtime_says_so(costs, gpu_costs, kit):
    less = gpu_costs.model_copy(update={"without": ("openvino",)})
    said = "statistics was measured without openvino (a GPU), with which it takes longer"
    assert said in estimated(costs, kit, gpu=True, gpu_costs=less).to_text()
    assert said not in estimated(costs, kit, gpu_costs=less).to_text()


def test_the_table_of_a_gpu_may_be_absent_and_is_never_that_of_a_cpu(costs, gpu_costs, monkeypatch, tmp_path):
    file = tmp_path / "gpu.json"
    monkeypatch.setattr("pipelines.stage_costs.GPU_TABLE", file)
    read = gpu_stage_costs.__wrapped__
    assert read() is None
    file.write_text(gpu_costs.model_dump_json())
    assert read() == gpu_costs
    file.write_text(costs.model_dump_json())
    with pytest.raises(CsadError, match=r"holds ratios of a CPU \(a processor\), expected those of a GPU"):
        read()


def test_the_last_run_stands_beside_it(costs, kit):
    last = LastRun("1234", "kit-1", 21.0, {"masks": 2.5})
    text = estimated(costs, kit, last=last).to_text()
    assert "last run kit-1 took 21 min (1234)" in text
    (row,) = [line for line in text.splitlines() if line.startswith("masks ")]
    assert row.split() == ["masks", "CPU", "2.0", "80.0", "1.0", "2.5"]


def test_images_are_counted_without_opening_them(tmp_path):
    for number in range(7):
        (tmp_path / f"{number}.png").write_bytes(b"no image")
    counts = count_images(ProductLine.from_yaml("{name: kit, images: {validation_fraction: 0.3}}"), str(tmp_path))
    assert counts.total == counts.train + counts.validation == 7
    assert counts.megabytes == 56e-6


def test_a_folder_and_its_version_in_the_store_count_alike(tmp_path, monkeypatch, tiny_line, tiny_line_data):
    with EmbeddedStore(tmp_path / "store") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        push_dataset(ObjectStore.connect(server.settings), tiny_line_data, "tiny")
        stored = count_images(tiny_line, "store://tiny")
        with pytest.raises(StoreError, match="no data set of line bottles"):
            count_images(tiny_line, "store://bottles")
    assert (stored.train, stored.validation, stored.test) == (10, 5, 9)
    here = count_images(tiny_line, str(tiny_line_data))
    assert (here.train, here.validation, here.test) == (10, 5, 9)


def test_without_images_there_is_no_estimate(tmp_path):
    with pytest.raises(DatasetError, match="does not exist"):
        count_images(ProductLine(name="kit"), str(tmp_path / "none"))
    (tmp_path / "test/good").mkdir(parents=True)
    (tmp_path / "test/good/0.png").write_bytes(b"")
    with pytest.raises(DatasetError, match="holds no good images to train with"):
        count_images(ProductLine(name="kit"), str(tmp_path))


def test_the_command_estimates_the_example(monkeypatch):
    monkeypatch.delenv("KFP_ENDPOINT", raising=False)
    done = CliRunner().invoke(main, ["estimate", str(LINE), "--data", str(DATA), "--cpu-only", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["estimate"] is True
    assert (told["images"]["train"], told["images"]["validation"], told["images"]["test"]) == (160, 40, 120)
    assert 0 < told["minutes"]["work"] == told["minutes"]["cpu"] < 120


@pytest.mark.parametrize("costs", [found for found in (stage_costs(), gpu_stage_costs()) if found])
def test_the_measured_ratios_hold_for_runs_that_they_were_not_made_from(costs):
    checks = costs.checks
    assert len(checks) == 5
    worst = max(max(run.estimated / run.real, run.real / run.estimated) for run in checks)
    assert worst <= 1.5


def test_the_last_run_that_trained_is_found_among_those_that_had_nothing_to_do(kfp):
    def submit():
        package = ROOT / "pipelines/compiled/training.yaml"
        done = CliRunner().invoke(main, ["submit", str(LINE), "--package", str(package), "--json"])
        return json.loads(done.stdout)["run"]

    trained, idle = submit(), submit()
    workflow = Workflow()
    workflow.task("ingest", "SUCCEEDED", 0, 35)  # 5 s of these are its driver's
    workflow.task("changed.masks", "SUCCEEDED", 35, 40, attempts=0)
    workflow.task("changed.statistics", "SUCCEEDED", 40, 135)
    for run, found in ((trained, workflow), (idle, Workflow())):
        kfp.runs[run]["run_details"] = {"task_details": found.details()}
        kfp.change(run, "SUCCEEDED")

    last = find_last_run(RunServer.connect(), "fastener_kit")

    assert last.run == trained
    assert last.stages == {"ingest": 0.5, "statistics": 1.5}  # masks came out of the cache
    assert find_last_run(RunServer.connect(), "bottles") is None


def test_a_plan_says_what_each_scheduled_line_takes_or_why_it_cannot(kfp, costs, tmp_path, monkeypatch):
    monkeypatch.delenv("CSAD_STORE_ENDPOINT", raising=False)
    (tmp_path / "a.yaml").write_text(f"name: a\nschedule: {{cron: 0 0 2 * * MON, data: {DATA}}}\n")
    for name in ("b", "c"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\nschedule: {{cron: 0 0 2 * * MON}}\n")
    done = CliRunner().invoke(main, ["schedules", "plan", "--lines", str(tmp_path), "--cpu-only"])
    assert done.exit_code == 0, done.output
    # 1 + 20 (masks: 200 good images) + 1 + 2 + 10 + 1 + 1
    assert "  a: 36 min of work for 320 images" in done.stdout
    assert "  no estimate for 2 (b, c): no store is set up" in done.stdout
