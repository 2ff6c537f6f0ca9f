"""Reading pods: what is wrong with them, and what only looks like it."""

import json

import pytest

from csad.deployment.rollout import is_complete
from csad.deployment.rollout_problems import Problem, problems
from csad.packaging.smoke import Answer, SmokeFailed, SmokeTest

QUIET = {"status": {"conditions": [{"type": "Available", "status": "True"}]}}


def pod(status: dict, **metadata: object) -> dict:
    return {"metadata": {"name": "p", **metadata}, "status": status}


def container(name: str = "serve", restarts: int = 0, **states: dict) -> dict:
    state = {key: value for key, value in states.items() if key != "last"}
    return {"name": name, "restartCount": restarts, "state": state, "lastState": states.get("last", {})}


def found(status: dict, deployment: dict = QUIET, **metadata: object) -> list[Problem]:
    return list(problems(deployment, [pod(status, **metadata)], unschedulable_seconds=60))


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"])
def test_an_image_that_is_not_there_counts_at_once(reason: str):
    status = {"initContainerStatuses": [container("fetch", waiting={"reason": reason, "message": "no"})]}
    assert found(status) == [Problem(reason, "no", "p", "fetch")]


@pytest.mark.parametrize("reason", ["PodInitializing", "ContainerCreating", "ErrImagePull"])
def test_what_may_pass_is_no_problem(reason: str):
    assert found({"containerStatuses": [container(waiting={"reason": reason})]}) == []


def test_a_refused_bento_is_not_tried_again():
    ended = {"exitCode": 3, "message": "first\nwrong digest\n"}
    [problem] = found({"initContainerStatuses": [container("fetch", terminated=ended)]})
    assert (problem.reason, problem.detail, problem.grace) == ("the Bento was refused", "first / wrong digest", 0)


def test_a_store_that_does_not_answer_once_is_tried_again():
    ended = {"exitCode": 1, "message": "no connection"}
    assert found({"initContainerStatuses": [container("fetch", terminated=ended)]}) == []
    waiting = {"reason": "CrashLoopBackOff"}
    [problem] = found({"initContainerStatuses": [container("fetch", 1, waiting=waiting, last={"terminated": ended})]})
    assert problem.detail == "exit code 1: no connection"


def test_a_container_that_ended_well_is_no_problem():
    assert found({"initContainerStatuses": [container("fetch", terminated={"exitCode": 0})]}) == []


def test_a_server_that_ends_with_0_and_is_started_again_and_again_is_a_problem():
    waiting, ended = {"reason": "CrashLoopBackOff"}, {"exitCode": 0, "message": "the weights do not fit"}
    [problem] = found({"containerStatuses": [container(restarts=1, waiting=waiting, last={"terminated": ended})]})
    assert (problem.reason, problem.crashed) == ("CrashLoopBackOff", True)
    assert problem.detail == "exit code 0: the weights do not fit"


def test_a_fetch_that_succeeds_in_the_end_is_no_problem():
    states = {"terminated": {"exitCode": 0}, "last": {"terminated": {"exitCode": 1}}}
    assert found({"initContainerStatuses": [container("fetch", 2, **states)]}) == []


def test_too_little_memory_is_named():
    ended = {"exitCode": 137, "reason": "OOMKilled"}
    [problem] = found({"containerStatuses": [container(restarts=3, last={"terminated": ended}, running={})]})
    assert (problem.reason, problem.crashed) == ("out of memory", True)


def test_a_pod_without_a_node_gets_time():
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    [problem] = found({"conditions": [condition]})
    assert (problem.reason, problem.grace) == ("Unschedulable", 60)


def test_a_pod_that_is_on_its_way_out_does_not_count():
    waiting = {"reason": "ImagePullBackOff"}
    assert found({"containerStatuses": [container(waiting=waiting)]}, deletionTimestamp="now") == []


def test_an_evicted_pod_is_a_problem():
    assert found({"phase": "Failed", "reason": "Evicted", "message": "disk"}) == [Problem("Evicted", "disk", "p")]


def test_pods_that_the_namespace_refuses_are_a_problem_of_the_deployment():
    condition = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    [problem] = problems({"status": {"conditions": [condition]}}, [], 60)
    assert (problem.reason, problem.detail, problem.where) == ("ReplicaFailure", "exceeded quota", "the pods")


def deployment(generation: int = 2, replicas: int = 2, **status: int) -> dict:
    return {"metadata": {"generation": generation}, "spec": {"replicas": replicas}, "status": status}


COMPLETE = {"observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("changes", "complete"),
    [
        ({}, True),
        ({"observedGeneration": 1}, False),
        ({"updatedReplicas": 1}, False),
        ({"replicas": 3}, False),
        ({"availableReplicas": 1}, False),
    ],
)
def test_a_rollout_is_complete_when_only_new_pods_are_left_and_available(changes: dict, complete: bool):
    assert is_complete(deployment(**COMPLETE | changes)) is complete


class Service:
    """Answers what it is told, one after the other, the last one for ever."""

    def __init__(self, *answers: Answer | OSError):
        self.answers = list(answers)
        self.asked = 0

    def post(self, path: str, body: bytes, headers: dict) -> Answer:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer


def answer(score: float = 2.0, version: str = "new", anomalous: bool = False, threshold: float = 5.0) -> Answer:
    model = {"version": version}
    content = {"score": score, "anomalous": anomalous, "threshold": threshold, "model": model}
    return Answer(200, json.dumps(content).encode())


TEST = SmokeTest.parse(b'{"images": [{"name": "a", "png": "YQ==", "score": 2.0, "anomalous": false}]}', "here")


def test_a_service_that_scores_as_at_evaluation_passes():
    TEST.run(Service(answer(2.0), answer(2.0199)), "new")


def test_the_pods_of_before_may_answer_for_a_moment():
    service = Service(answer(9.0, "old"), ConnectionError("refused"), answer(2.0))
    TEST.run(service, "new")
    assert service.asked == 4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (answer(2.021), "scores 2.021, expected 2 "),
        (answer(float("nan")), "scores nan"),
        (answer(2.0, anomalous=True, threshold=1.0), "is rejected, expected accepted"),
        (Answer(200, b"<html>"), "expected a score"),
        (Answer(401, b"token"), "set CSAD_TOKEN"),
    ],
)
def test_another_answer_fails(given: Answer, words: str):
    with pytest.raises(SmokeFailed, match=words):
        TEST.run(Service(given), "new")


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"images": []}', b'{"images": [{"name": "a", "png": "?", "score": 1}]}']
)
def test_a_damaged_smoke_test_is_named(data: bytes):
    with pytest.raises(SmokeFailed, match=r"smoke.json of here cannot be used"):
        SmokeTest.parse(data, "here")
