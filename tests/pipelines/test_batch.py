"""The batch pipeline: its compiled form, runs on this machine with a real model, how it is started on a cluster."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from pyarrow import parquet

from csad.batch.merging import Counts
from csad.config.line import ProductLine
from csad.images import read_rgb
from csad.scoring.scorer import Scorer
from csad.store.champion import promote
from csad.store.objects import ObjectStore
from csad.store.registry import ModelLabels, register_model
from pipelines.__main__ import main
from pipelines.batch import BatchShape
from pipelines.packages import compile_batch
from tests.components.launcher import ROOT as CHECKOUT
from tests.components.launcher import executor_input, executor_of, launch
from tests.pipelines.compiled import COMMITTED, ROOT, Compiled

LINE = ROOT / "lines/fastener_kit.yaml"
LOOP = "for-loop-2"


@pytest.fixture(scope="module")
def committed():
    return Compiled((COMMITTED / "batch.yaml").read_text())


@pytest.fixture
def line_file(tiny_line, tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(tiny_line.to_yaml())
    return path


@pytest.fixture
def registered(named_store, tiny_model):
    """The tiny model as a version in the store that the environment names."""
    store = ObjectStore.connect(named_store)
    labels = ModelLabels("tiny", "d" * 64, "c" * 40, "e" * 64, 3, {})
    return store, register_model(store, tiny_model, labels).version


def command(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "pipelines", "score-here", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )


def test_the_committed_pipeline_is_what_the_code_compiles_to(tmp_path):
    line = ProductLine.from_file(LINE)
    file = compile_batch(line, BatchShape.of(line, has_gpus=True), tmp_path)
    assert (COMMITTED / "batch.yaml").read_text() == file.read_text(), "run: python -m pipelines compile --gpu"


def test_a_run_lists_scores_in_shards_and_gathers(committed):
    assert committed.executors == {"listing", "scoring", "gathering"}
    assert committed.tasks()[LOOP]["parameterIterator"]["items"] == {"raw": '["1/4", "2/4", "3/4", "4/4"]'}
    assert committed.tasks()[LOOP]["dependentTasks"] == ["listing"]
    assert set(committed.tasks()["gathering"]["dependentTasks"]) == {"listing", LOOP}
    shards = committed.tasks()["gathering"]["inputs"]["artifacts"]["shards"]
    assert shards["taskOutputArtifact"]["producerTask"] == LOOP
    assert committed.parameters["line"]["defaultValue"] == "fastener_kit"
    assert committed.parameters["version"]["defaultValue"] == ""


def test_kubeflow_caches_nothing_of_it_for_the_store_does(committed):
    for task in committed.executors:
        assert "enableCache" not in committed.task(task)["cachingOptions"]


def test_every_task_is_bounded_repeated_patient_and_reaches_the_store_by_a_secrets_name(committed):
    for task in committed.executors:
        container = committed.container(task)
        assert 0 < container["resources"]["memoryRequest"] <= container["resources"]["memoryLimit"]
        assert {"name": "CSAD_PATIENCE", "value": "300"} in container["env"]
        assert committed.task(task)["retryPolicy"]["maxRetryCount"] == 2
        wishes = committed.wishes[f"exec-{task}"]
        assert len(wishes["secretAsEnv"]) == 2
        assert int(wishes["activeDeadlineSeconds"]) >= 3600
        assert "nodeSelector" not in wishes
    assert committed.container("scoring")["resources"]["cpuRequest"] == 2.0
    assert "accelerator" not in committed.parameters


def test_the_yaml_is_ascii_small_and_every_port_has_a_meaning(committed):
    data = (COMMITTED / "batch.yaml").read_bytes()
    assert data.isascii()
    assert len(data) < 100_000
    owners = {"the pipeline": committed.specification["root"], **committed.specification["components"]}
    silent = [
        f"{owner}: {port}"
        for owner, component in owners.items()
        for side in ("inputDefinitions", "outputDefinitions")
        for ports in component.get(side, {}).values()
        for port, found in ports.items()
        if not found.get("description") and not port.startswith("pipelinechannel--")
    ]
    assert silent == []


def test_a_line_without_an_exported_graph_is_scored_on_gpus_and_a_large_one_with_more_memory(tmp_path):
    line = ProductLine.from_yaml("{name: a, runtime: {export: false}, images: {area: 262144}}")
    assert BatchShape.of(line, has_gpus=False) == BatchShape(gpu=False, large=True)
    shape = BatchShape.of(line, has_gpus=True, shards=2)
    assert shape == BatchShape(shards=2, gpu=True, large=True)
    pipeline = Compiled(compile_batch(line, shape, tmp_path).read_text())

    container = pipeline.container("scoring")
    assert "pipelinechannel--accelerator" in container["resources"]["accelerator"]["resourceType"]
    assert container["resources"]["cpuRequest"] == 4.0
    assert {"name": "CSAD_DEVICE", "value": "cuda"} in container["env"]
    assert pipeline.wishes["exec-scoring"]["nodeSelector"]
    loop = pipeline.tasks()[LOOP]["inputs"]["parameters"]
    for name in ("node_selector", "tolerations", "accelerator", "accelerator_count", "store_secret"):
        assert loop[f"pipelinechannel--{name}"] == {"componentInputParameter": name}
    for task in ("listing", "gathering"):
        assert "accelerator" not in pipeline.container(task)["resources"]


def test_a_small_cluster_is_asked_for_little(tmp_path):
    line = ProductLine.from_yaml("{name: a}")
    pipeline = Compiled(compile_batch(line, BatchShape.of(line, True, 1, small=True), tmp_path).read_text())
    assert {pipeline.container(task)["resources"]["cpuRequest"] for task in pipeline.executors} == {0.5}


@pytest.mark.timeout(900)
def test_a_folder_is_scored_here_and_the_same_again_scores_nothing(
    registered, tiny_model, tiny_line_data, line_file, tmp_path
):
    out = tmp_path / "scores.parquet"
    arguments = (line_file, "--images", tiny_line_data / "test", "--version", "latest", "--out", out)
    arguments = (*arguments, "--run", tmp_path / "run", "--shards", 2)
    first = run(*arguments)
    assert first.returncode == 0, first.stdout + first.stderr

    table = parquet.read_table(out)
    files = [tiny_line_data / "test" / kind for kind in ("good", "logical_anomalies", "structural_anomalies")]
    expected = [folder / f"{index:03d}.png" for folder in files for index in range(3)]
    assert table.column("file").to_pylist() == [str(path) for path in expected]
    scorer = Scorer.load(tiny_model)
    values = [scorer.score(read_rgb(path)).value for path in expected]
    assert table.column("score").to_pylist() == pytest.approx(values, rel=1e-4)
    assert table.schema.metadata[b"csad_model"] == scorer.manifest.checksum.encode()
    assert table.schema.metadata[b"csad_version"] == registered[1].encode()
    assert f"listing: 9 images of {tiny_line_data / 'test'} for version {registered[1]}" in first.stderr
    assert not (tmp_path / "run/batch").exists()

    again = run(*arguments, "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    assert json.loads(again.stdout)["reused"] == 9
    assert parquet.read_table(out).equals(table)


@pytest.mark.timeout(900)
def test_a_list_of_a_bucket_is_scored_by_the_model_in_service_and_what_cannot_be_read_is_said(
    registered, named_store, tiny_line_data, line_file, tmp_path
):
    store, version = registered
    promote(store, "tiny", version, expected=None)
    base = f"s3://{named_store.bucket}/{named_store.prefix}camera"
    store.put_bytes("camera/a.png", (tiny_line_data / "test/good/000.png").read_bytes())
    store.put_bytes("camera/b.png", b"broken")
    (tmp_path / "list.txt").write_text(f"{base}/b.png\n{base}/a.png\n{base}/a.png\n{base}/gone.png\n")
    out = tmp_path / "scores.parquet"

    done = run(line_file, "--images", tmp_path / "list.txt", "--out", out, "--run", tmp_path / "run")

    assert done.returncode == 1
    assert "1 name repeated in the list, scored once; 1 name of the list not there" in done.stderr
    assert f"{base}/b.png: not an image" in done.stderr
    assert done.stderr.splitlines()[-1].endswith(f"2 of 3 images could not be scored; their rows in {out} say why")
    found = parquet.read_table(out).to_pylist()
    assert [row["file"] for row in found] == [f"{base}/a.png", f"{base}/b.png", f"{base}/gone.png"]
    assert [row["score"] is None for row in found] == [False, True, True]
    assert Counts.read(out) == Counts(images=3, anomalous=0, unreadable=2, reused=0, changed=0)


def test_without_a_model_the_message_says_how_to_have_one(named_store, line_file, tiny_line_data, tmp_path):
    done = run(line_file, "--images", tiny_line_data, "--out", tmp_path / "a.parquet", "--run", tmp_path / "run")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: listing: line tiny has no model in service; name a version")
    assert not (tmp_path / "a.parquet").exists()


def test_without_a_store_the_folder_that_would_hold_it_is_named(monkeypatch, line_file, tiny_line_data, tmp_path):
    monkeypatch.delenv("CSAD_STORE_ENDPOINT", raising=False)
    done = command(
        "score-here", line_file, "--images", tiny_line_data, "--out", tmp_path / "a.parquet", "--run", tmp_path / "run"
    )
    assert done.exit_code == 1
    assert (
        f"{tmp_path / 'run/store'} does not exist, so there is no model: run `python -m pipelines run`" in done.output
    )


def test_a_file_of_something_else_is_not_replaced(named_store, line_file, tiny_line_data, tmp_path):
    (tmp_path / "a.parquet").write_text("my notes")
    done = command("score-here", line_file, "--images", tiny_line_data, "--out", tmp_path / "a.parquet")
    assert done.exit_code == 1
    assert "a.parquet is no Parquet file" in done.output
    assert (tmp_path / "a.parquet").read_text() == "my notes"


def figure(metrics, name):
    """A figure of a task; its name begins with its place."""
    (value,) = (value for key, value in json.loads(metrics.read_text()).items() if key.split("_", 1)[1] == name)
    return value


@pytest.mark.timeout(900)
def test_the_compiled_tasks_hand_on_what_the_next_one_needs(
    committed, registered, named_store, tiny_line_data, tmp_path
):
    store, _ = registered
    for index in range(3):
        store.put_bytes(f"in/{index}.png", (tiny_line_data / f"test/good/{index:03d}.png").read_bytes())
    place = f"s3://{named_store.bucket}/{named_store.prefix}"
    given = {"line": "tiny", "images": f"{place}in/", "version": "latest", "out": f"{place}out/all.parquet"}

    def task(name, folder, artifacts=(), **more):
        wanted = executor_input([committed], name, folder, **given, **more)
        for key, uris in artifacts:
            wanted["inputs"]["artifacts"][key] = {
                "artifacts": [{"name": key, "type": {"schemaTitle": "system.Dataset"}, "uri": str(uri)} for uri in uris]
            }
        wanted["outputs"]["artifacts"]["metrics"]["artifacts"][0]["type"]["schemaTitle"] = "system.Metrics"
        done = launch(executor_of([committed], name), wanted)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def returned(folder):
        return json.loads((folder / "outputs.json").read_text())["parameterValues"]

    task("listing", tmp_path / "listing")
    plan = returned(tmp_path / "listing")["plan"]
    assert figure(tmp_path / "listing/metrics", "images") == 3
    shards = [tmp_path / "first", tmp_path / "second"]
    for number, folder in enumerate(shards, start=1):
        task("scoring", folder, plan=plan, shard=f"{number}/2")
    said = task("gathering", tmp_path / "all", [("shards", [folder / "results" for folder in shards])], plan=plan)

    assert "gathering: images 3" in said
    assert returned(tmp_path / "all")["address"] == f"{place}out/all.parquet"
    table = parquet.read_table(tmp_path / "all/results")
    assert table.column("file").to_pylist() == [f"{place}in/{index}.png" for index in range(3)]
    assert table.column("error").null_count == 3
    store.get_file("out/all.parquet", tmp_path / "copy.parquet", None)
    assert parquet.read_table(tmp_path / "copy.parquet").equals(table)
    assert figure(tmp_path / "all/metrics", "images") == 3


@pytest.mark.parametrize(
    ("component", "given", "said"),
    [
        ("listing", {"line": "No Slug"}, "Error: listing: 'No Slug' is no name of a product line"),
        ("scoring", {"shard": "1/0"}, "Error: scoring: found the shard '1/0'"),
        ("gathering", {"plan": "x"}, "Error: gathering: 'x' is no plan of a batch in the store"),
    ],
)
def test_a_task_that_cannot_work_ends_with_one_message(committed, named_store, tmp_path, component, given, said):
    done = launch(executor_of([committed], component), executor_input([committed], component, tmp_path, **given))
    assert done.returncode == 1
    assert said in done.stdout + done.stderr


def test_a_batch_is_one_run_of_its_own_pipeline_in_the_experiment_of_the_line(kfp):
    done = command("score", LINE, "--images", "s3://camera/in/", "--version", "latest", "--shards", 2, "--json")
    assert done.exit_code == 0, done.output
    (started,) = kfp.runs.values()
    assert json.loads(done.stdout)["run"] == started["run_id"]
    assert started["service_account"] == "csad-pipeline"
    assert kfp.experiments[started["experiment_id"]]["display_name"] == "fastener_kit"
    assert started["runtime_config"]["parameters"] == {
        "line": "fastener_kit", "images": "s3://camera/in/", "version": "latest", "out": ""
    }  # fmt: skip
    version = kfp.versions[started["pipeline_version_reference"]["pipeline_version_id"]]
    loop = version["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"][LOOP]
    assert loop["parameterIterator"]["items"] == {"raw": '["1/2", "2/2"]'}


def test_a_list_of_this_machine_goes_through_the_store(kfp, named_store, tmp_path):
    (tmp_path / "list.txt").write_text("s3://camera/a.png\n")
    for _ in range(2):
        assert command("score", LINE, "--images", tmp_path / "list.txt").exit_code == 0
    first, second = (one["runtime_config"]["parameters"]["images"] for one in kfp.runs.values())
    assert first == second
    key = first.removeprefix(f"s3://{named_store.bucket}/{named_store.prefix}")
    assert ObjectStore.connect(named_store).read_bytes(key)[0] == b"s3://camera/a.png\n"


@pytest.mark.parametrize(
    ("images", "out", "said"),
    [
        ("folder", "", "is a folder of this machine, which pods do not see; copy the images into a bucket"),
        ("gone", "", "does not exist; copy the images into a bucket"),
        ("paths.txt", "", "line 1: /mnt/a.png is a path, which the pods of a run do not see"),
        ("empty.txt", "", "names no images; expected s3://BUCKET/KEY in every line"),
        ("s3://camera/in/", "scores.parquet", "pods cannot write there; expected s3://BUCKET/KEY.parquet"),
        ("s3://camera/in/", "s3://camera/scores.csv", "is no place for results"),
        ("s3://Camera/in/", "", "is no address in a store"),
    ],
)
def test_what_pods_cannot_see_is_refused_before_a_run_starts(
    kfp, named_store, tmp_path, monkeypatch, images, out, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "paths.txt").write_text("/mnt/a.png\n")
    (tmp_path / "empty.txt").write_text("\n")
    done = command("score", LINE, "--images", images, "--out", out)
    assert done.exit_code == 1
    assert said in done.output
    assert kfp.runs == {}
