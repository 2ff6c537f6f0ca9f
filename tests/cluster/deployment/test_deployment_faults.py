"""Whatever goes wrong, the old version answers throughout, the reason is named, and a second run recovers.

Every case has a line of its own and several run at a time: nearly all of their time is waiting for pods.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from csad.common.errors import DeploymentError
from csad.deployment.cluster import Cluster
from csad.deployment.deployment import DeploymentTarget, DeployTerms, Step, deploy
from csad.deployment.rollout import RolloutTerms
from csad.deployment.status import line_status
from csad.store.champion import promote, read_champion
from csad.store.registry import ROOT as MODELS
from csad.store.registry import ModelLabels, register_model
from tests.cluster.deployment.scene import TERMS, Scene, bento, line, smoke

AT_A_TIME = 4
IMPATIENT = replace(TERMS, rollout=RolloutTerms(timeout=45, unschedulable=3))


@dataclass
class Fault:
    """What is wrong in the first run, compared with a good one.

    Attributes:
        reason: Words that its error must have.
        make: Registers the version that is deployed.
        changes: Changes of the target.
        terms: Terms of the deployment.
        settings: Settings of the line.
        strategy: Strategy of the line, in all runs.
        repaired: Whether the second run deploys a repaired version; else the same one.
    """

    reason: tuple[str, ...]
    make: Callable[[Scene, str], str] = lambda scene, name: scene.version(name)
    changes: dict[str, object] = field(default_factory=dict)
    terms: DeployTerms = TERMS
    settings: dict[str, object] = field(default_factory=dict)
    strategy: str = "rolling"
    repaired: bool = False


@dataclass
class Outcome:
    """How it went."""

    old: str
    error: str
    failures: list[str]
    answered: set[str]
    champion_after_fault: str | None
    leftovers: list[str]
    state_after_fault: str
    new: str
    serving: str
    champion: str | None


def corrupt(scene: Scene, name: str) -> str:
    packed = bento({"line": name, "bias": 1.0})
    return scene.register(name, packed[: len(packed) // 2], smoke(1.0))


def linked(scene: Scene, name: str) -> str:
    return scene.register(name, bento({"line": name, "bias": 1.0}, link="/etc/passwd"), smoke(1.0))


def changed_in_the_store(scene: Scene, name: str) -> str:
    version = scene.version(name)
    scene.store.put_bytes(f"{MODELS}/{name}/{version}/bento.tar.gz", bento({"line": name, "bias": 99.0}))
    return version


FAULTS = {
    "bad image name": Fault(("ErrImageNeverPull", "no-such-image:1"), changes={"image": "no-such-image:1"}),
    "corrupt Bento": Fault(("container fetch", "is damaged"), make=corrupt, repaired=True),
    "Bento with a link": Fault(("the Bento was refused", "link"), make=linked, repaired=True),
    "wrong digest": Fault(("container fetch", "sha256"), make=changed_in_the_store, repaired=True),
    "store down at fetch": Fault(("container fetch", "cannot open the bucket"), changes={"store_secret": "dead-store"}),
    "no secret": Fault(("CreateContainerConfigError", "no-such-secret"), changes={"store_secret": "no-such-secret"}),
    "crash loop": Fault(
        ("CrashLoopBackOff", "weights do not fit"),
        make=lambda scene, name: scene.version(name, crash="weights do not fit"),
        repaired=True,
    ),
    "crash loop that ends with 0": Fault(
        ("CrashLoopBackOff", "exit code 0"), make=lambda scene, name: scene.version(name, crash=0), repaired=True
    ),
    "readiness never true": Fault(
        ("not ready after 45 s", "never became ready", "Startup probe failed"),
        make=lambda scene, name: scene.version(name, ready=False),
        terms=IMPATIENT,
        repaired=True,
    ),
    "smoke test mismatch": Fault(
        ("smoke test fails", "expected"),
        make=lambda scene, name: scene.version(name, bias=3.0, expected=3.5),
        repaired=True,
    ),
    "smoke test mismatch, blue-green": Fault(
        ("smoke test fails", "expected"),
        make=lambda scene, name: scene.version(name, bias=3.0, expected=3.5),
        strategy="blue_green",
        repaired=True,
    ),
    "no room on any node": Fault(("Unschedulable", "Insufficient cpu"), settings={"cpu": 200}, terms=IMPATIENT),
}


def run_case(scene: Scene, name: str, fault: Fault) -> Outcome:
    scene = scene.for_another_thread()
    old, product_line = scene.version(name), line(name, strategy=fault.strategy)
    scene.deploy(old, product_line=product_line)
    with scene.clients(name, per_second=5) as seen:
        version = fault.make(scene, name)
        faulty = line(name, strategy=fault.strategy, **fault.settings)
        with pytest.raises(DeploymentError) as failed:
            scene.deploy(version, product_line=faulty, terms=fault.terms, **fault.changes)
        answered = set(seen.versions)
        champion, leftovers = scene.champion(name), scene.leftovers(name)
        state = line_status(name, scene.cluster, scene.store).state
        new = scene.version(name) if fault.repaired else version
        scene.deploy(new, product_line=product_line)
    serving = scene.settled(name, new)
    scene.finish(name)
    error = str(failed.value)
    return Outcome(old, error, seen.failures, answered, champion, leftovers, state, new, serving, scene.champion(name))


def a_first_version_that_fails_leaves_nothing_behind(scene: Scene):
    name = "first-fails"
    version = scene.version(name, crash="weights do not fit")
    with pytest.raises(DeploymentError, match=r"weights do not fit.*nothing served this line before"):
        scene.deploy(version, product_line=line(name))
    assert scene.champion(name) is None
    assert line_status(name, scene.cluster, scene.store).state == "absent"


def a_pointer_that_somebody_else_moved_is_respected(scene: Scene, strategy: str = "rolling"):
    name = f"moved-{strategy}"
    product_line = line(name, strategy=strategy)
    old, other, new = (scene.version(name) for _ in range(3))
    scene.deploy(old, product_line=product_line)

    def move(step: Step) -> None:
        if step is Step.PROMOTE:
            promote(scene.store, name, other, expected=read_champion(scene.store, name))

    with scene.clients(name) as seen, pytest.raises(DeploymentError, match="changed at the same time"):
        scene.deploy(new, product_line=product_line, on_step=move)
    assert seen.failures == []
    assert scene.leftovers(name) == []
    assert (scene.settled(name, old), scene.champion(name)) == (old, other)


def a_version_that_fails_only_in_the_exchange_is_taken_back(scene: Scene) -> None:
    name = "exchange"
    old, new = scene.version(name), scene.version(name)
    scene.deploy(old, product_line=line(name))

    def damage(step: Step) -> None:
        if step is Step.ROLL:
            scene.store.put_bytes(f"{MODELS}/{name}/{new}/bento.tar.gz", b"another content")

    with (
        scene.clients(name, per_second=5) as seen,
        pytest.raises(DeploymentError, match=rf"csad-exchange does not start.*version {old} serves as before"),
    ):
        scene.deploy(new, product_line=line(name), on_step=damage)
    assert seen.failures == []
    assert set(seen.versions) == {old}
    assert scene.serving(name) == scene.champion(name) == old
    assert line_status(name, scene.cluster, scene.store).state == "ready"


def an_interrupted_person_gets_the_old_version_back(scene: Scene, strategy: str = "rolling"):
    name = f"interrupted-{strategy}"
    product_line = line(name, strategy=strategy)
    old, new = scene.version(name), scene.version(name)
    scene.deploy(old, product_line=product_line)

    def interrupt(step: Step) -> None:
        if step is Step.TEST:
            raise KeyboardInterrupt

    with scene.clients(name) as seen, pytest.raises(KeyboardInterrupt):
        scene.deploy(new, product_line=product_line, on_step=interrupt)
    assert seen.failures == []
    assert scene.leftovers(name) == []
    assert scene.settled(name, old) == scene.champion(name) == old


ALONE: dict[str, Callable[[Scene], None]] = {
    "a first version that fails leaves nothing behind": a_first_version_that_fails_leaves_nothing_behind,
    "a pointer that somebody else moved is respected": a_pointer_that_somebody_else_moved_is_respected,
    "a version that fails only in the exchange is taken back": a_version_that_fails_only_in_the_exchange_is_taken_back,
    "an interrupted person gets the old version back": an_interrupted_person_gets_the_old_version_back,
    **{
        f"{case.__name__.replace('_', ' ')}, blue-green": partial(case, strategy="blue_green")
        for case in (a_pointer_that_somebody_else_moved_is_respected, an_interrupted_person_gets_the_old_version_back)
    },
}


def slug(text: str) -> str:
    return text.lower().replace(",", "").replace(" ", "-")


@pytest.fixture(scope="module")
def outcomes(scene: Scene) -> Iterator[dict[str, Future[Any]]]:
    """All cases, under way."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        alone = {case: pool.submit(check, scene.for_another_thread()) for case, check in ALONE.items()}
        yield alone | {case: pool.submit(run_case, scene, slug(case), fault) for case, fault in FAULTS.items()}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_leaves_the_old_version_serving_and_names_its_reason(case: str, outcomes):
    outcome = outcomes[case].result()
    print(f"\n{case}: {outcome.error}")
    assert outcome.failures == []
    assert outcome.answered == {outcome.old}
    assert outcome.champion_after_fault == outcome.old
    assert outcome.leftovers == []
    assert outcome.state_after_fault == "ready"
    assert [word for word in FAULTS[case].reason if word not in outcome.error] == []
    assert f"version {outcome.old} serves as before" in outcome.error
    assert outcome.serving == outcome.champion == outcome.new


@pytest.mark.parametrize("case", ALONE)
def test_what_is_not_in_the_table(case: str, outcomes):
    outcomes[case].result()


def test_a_version_without_a_bento_is_refused_before_anything_happens(scene: Scene):
    folder = scene.folder / "unpacked"
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    version = register_model(scene.store, folder, ModelLabels("unpacked", "", "", "", 0, {})).version
    with pytest.raises(DeploymentError, match=r"has no bento.tar.gz and no smoke.json"):
        scene.deploy(version, product_line=line("unpacked"))


def test_a_namespace_without_rights_is_named(scene: Scene):
    target = DeploymentTarget(line(), scene.version(), "image:1", namespace="default")
    with pytest.raises(DeploymentError, match=r"namespace default.*forbidden.*Role of manifests/base"):
        deploy(target, scene.store, Cluster.connect("default"))
