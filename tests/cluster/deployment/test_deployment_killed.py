"""A deployer that is killed at any step, or meets another one, leaves the line answering; the next run recovers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from csad.deployment.deployment import Step
from csad.deployment.status import line_status
from tests.cluster.deployment.scene import IMAGE, Scene, line

AT_A_TIME = 6
DEPLOYED = 7
"""Exit code of killed.py where it lives on."""

CONTEST = "two at once"
PROGRAM = Path(__file__).with_name("killed.py")

ROLLING = {
    Step.SETTLE: 0.0,
    Step.START_CANDIDATE: 1.0,
    Step.TEST_CANDIDATE: 0.0,
    Step.ROLL: 1.0,
    Step.TEST: 0.0,
    Step.RECORD: 0.0,
    Step.PROMOTE: 0.0,
}
"""Seconds after the beginning of the step."""

BLUE_GREEN = {Step.ROLL: 1.5, Step.RETURN: 0.0, Step.PROMOTE: 0.0}

CASES = {
    **{f"rolling, {step.value}": ("rolling", step, after) for step, after in ROLLING.items()},
    **{f"blue-green, {step.value}": ("blue_green", step, after) for step, after in BLUE_GREEN.items()},
}
BEFORE_THE_EXCHANGE = {Step.SETTLE, Step.START_CANDIDATE, Step.TEST_CANDIDATE}


@dataclass
class Outcome:
    """How it went."""

    old: str
    new: str
    exit_code: int
    failures: list[str]
    answered_before_recovery: set[str]
    champion_when_dead: str | None
    serving: str
    champion: str | None
    leftovers: list[str]
    state: str


def environment(scene: Scene) -> dict[str, str]:
    return os.environ | scene.server.settings.to_environment() | {"PYTHONPATH": str(Path.cwd())}


def command(scene: Scene, name: str, strategy: str, version: str, step: Step | None, after: float) -> list[str]:
    file = scene.folder / f"{name}-{strategy}.yaml"
    file.write_text(line(name, strategy=strategy).to_yaml())
    moment = step.value if step else "never"
    return [sys.executable, str(PROGRAM), moment, str(after), scene.namespace, IMAGE, str(file), version]


def run_case(scene: Scene, name: str, strategy: str, step: Step, after: float) -> Outcome:
    scene = scene.for_another_thread()
    old, new = scene.version(name), scene.version(name)
    product_line = line(name, strategy=strategy)
    scene.deploy(old, product_line=product_line)
    with scene.clients(name, per_second=5) as seen:
        killed = subprocess.run(
            command(scene, name, strategy, new, step, after), env=environment(scene), capture_output=True, check=False
        )
        answered, champion = set(seen.versions), scene.champion(name)
        scene.deploy(new, product_line=product_line)
    state = line_status(name, scene.cluster, scene.store).state
    serving, leftovers = scene.settled(name, new), scene.leftovers(name)
    scene.finish(name)
    return Outcome(
        old, new, killed.returncode, seen.failures, answered, champion, serving, scene.champion(name), leftovers, state
    )


@pytest.fixture(scope="module")
def outcomes(scene: Scene) -> Iterator[dict[str, Future[Any]]]:
    """All cases, under way."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {CONTEST: pool.submit(contest, scene.for_another_thread())} | {
            case: pool.submit(run_case, scene, f"killed-{index}", *arguments)
            for index, (case, arguments) in enumerate(CASES.items())
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES)
def test_a_deployer_killed_leaves_the_line_answering_and_a_second_run_recovers(case: str, outcomes):
    outcome, step = outcomes[case].result(), CASES[case][1]
    assert outcome.exit_code == -9
    assert outcome.failures == []
    assert outcome.champion_when_dead == outcome.old
    if step in BEFORE_THE_EXCHANGE:
        assert outcome.answered_before_recovery == {outcome.old}
    assert outcome.serving == outcome.champion == outcome.new
    assert outcome.leftovers == []
    assert outcome.state == "ready"


def test_two_deployers_at_once_take_turns(outcomes):
    outcomes[CONTEST].result()


def contest(scene: Scene) -> None:
    name = "contested"
    old, one, other = (scene.version(name) for _ in range(3))
    scene.deploy(old, product_line=line(name))
    with scene.clients(name, per_second=5) as seen:
        commands = [command(scene, name, "rolling", version, None, 0) for version in (one, other)]
        running = [
            subprocess.Popen(arguments, env=environment(scene), stderr=subprocess.PIPE) for arguments in commands
        ]
        said = [process.communicate()[1].decode() for process in running]
    assert [process.returncode for process in running] == [DEPLOYED, DEPLOYED], said
    assert seen.failures == []
    first, second, third = dict.fromkeys(seen.versions)
    assert (first, {second, third}) == (old, {one, other})
    assert old not in seen.versions[seen.versions.index(third) :]
    assert scene.settled(name, third) == scene.champion(name) == third
    assert scene.leftovers(name) == []
