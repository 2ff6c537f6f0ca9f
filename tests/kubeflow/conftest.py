import os
import uuid
from dataclasses import replace

import pytest

from csad.runner.task import STORE_VARIABLE
from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings
from tests.kubeflow.real import Real
from tests.kubeflow.standin import StandIn
from tests.services.kfp_server import KfpServer

ENDPOINT = "CSAD_TEST_KFP"
NEEDED = (ENDPOINT, "KUBECONFIG", "CSAD_STORE_ENDPOINT")
NOT_REAL = "no Kubeflow to test against: {} not set; `make test-kubeflow` says what it needs"


@pytest.fixture(scope="module", params=["stand-in", "real"])
def kubeflow(request, tmp_path_factory):
    """The stand-in, and the Kubeflow that CSAD_TEST_KFP names; without one those cases are skipped."""
    folder = tmp_path_factory.mktemp("lines")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(STORE_VARIABLE, raising=False)
        if request.param == "real":
            missing = [name for name in NEEDED if not os.environ.get(name)]
            if missing:
                pytest.skip(NOT_REAL.format(", ".join(missing)))
            patch.setenv("KFP_ENDPOINT", os.environ[ENDPOINT])
            yield Real(folder, ObjectStore.connect(StoreSettings.from_environment()), ("--small", "--cpu-only"))
            return
        s3 = request.getfixturevalue("s3")
        settings = replace(s3.settings, prefix=f"{uuid.uuid4().hex}/")
        for name, value in settings.to_environment().items():
            patch.setenv(name, value)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("KFP_NAMESPACE", "KFP_EXISTING_TOKEN"):
            patch.delenv(name, raising=False)
        with KfpServer() as server:
            patch.setenv("KFP_ENDPOINT", server.endpoint)
            yield StandIn(folder, ObjectStore.connect(settings), server)
        assert server.violations == []


@pytest.fixture
def real(kubeflow):
    """Only a real Kubeflow has pods, a store and servers that can be killed."""
    if not isinstance(kubeflow, Real):
        pytest.skip("the stand-in has no pods and no servers to kill")
    return kubeflow


@pytest.fixture
def line_name():
    """A name that no other run of the suite has used: nothing is in the cache."""
    return f"suite-{uuid.uuid4().hex[:8]}"
