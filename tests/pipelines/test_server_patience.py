"""Requests to a pipeline server that is away for a moment, from inside a task."""

import threading
import time

import pytest
from kfp_server_api import ApiException
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, SSLError

from csad.common.patience import VARIABLE
from kfp_client.server import PipelineServerError
from kfp_client.server_patience import passes
from kfp_client.server_runs import RunServer
from tests.pipelines.test_runs import submit
from tests.services.kfp_server import KfpServer

RUN = "/apis/v2beta1/runs/{run_id}"


def unreachable(cause):
    return MaxRetryError(None, "/", cause)


@pytest.mark.parametrize(
    ("error", "method", "path", "again"),
    [
        (ApiException(status=503), "GET", RUN, True),
        (ApiException(status=500), "GET", RUN, True),
        (ApiException(status=404), "GET", RUN, True),  # a run that has just been started, while the server restarts
        (ApiException(status=404), "GET", "/apis/v2beta1/pipelines/{pipeline_id}", False),
        (ApiException(status=403), "GET", RUN, False),
        (ApiException(status=400), "POST", "/apis/v2beta1/runs", False),
        (ApiException(status=500), "POST", "/apis/v2beta1/runs", False),  # it may have started
        (ApiException(status=503), "POST", "/apis/v2beta1/runs", True),
        (unreachable(NewConnectionError(None, "refused")), "POST", "/apis/v2beta1/runs", True),
        (ProtocolError("cut off"), "POST", "/apis/v2beta1/runs", False),
        (ProtocolError("cut off"), "GET", RUN, True),
        (unreachable(SSLError("certificate")), "GET", RUN, False),
        (ValueError("ours"), "GET", RUN, False),
    ],
)
def test_only_what_is_safe_and_may_help_is_sent_again(error, method, path, again):
    assert (passes(error, method, path) is not None) == again


def test_a_task_outlives_a_server_that_is_restarted(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KFP_EXISTING_TOKEN", raising=False)
    with KfpServer() as kfp:
        monkeypatch.setenv("KFP_ENDPOINT", kfp.endpoint)
        run = submit(kfp)
        server = RunServer.connect()
        monkeypatch.setenv(VARIABLE, "30")
        kfp.refuse = lambda method, path: True
        threading.Timer(1.0, lambda: setattr(kfp, "refuse", lambda method, path: False)).start()
        started = time.monotonic()
        assert server.get_run(run).run_id == run
        assert time.monotonic() - started >= 1.0


def test_a_run_that_is_not_known_yet_is_waited_for(kfp, monkeypatch):
    run = submit(kfp)
    hidden = kfp.runs.pop(run)
    server = RunServer.connect()
    with pytest.raises(PipelineServerError, match="404"):  # a command says at once that there is none
        server.get_run(run)
    monkeypatch.setenv(VARIABLE, "30")
    threading.Timer(0.5, lambda: kfp.runs.update({run: hidden})).start()
    assert server.get_run(run).run_id == run


def test_wrong_credentials_fail_at_once_also_in_a_task(kfp, monkeypatch):
    server = RunServer.connect()
    monkeypatch.setenv(VARIABLE, "30")
    kfp.token = "another"
    started = time.monotonic()
    with pytest.raises(PipelineServerError, match="401"):
        server.runs(1)
    assert time.monotonic() - started < 5
