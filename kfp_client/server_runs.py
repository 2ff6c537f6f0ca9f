"""What a Kubeflow Pipelines server knows of runs, and what it does to them."""

from itertools import islice
from typing import Any

from kfp_server_api import V2beta1Run

from kfp_client.server import PAGE, Server

STANDALONE = "kubeflow"
"""Namespace in which a server for one user is installed and keeps its runs."""


class RunServer(Server):
    """A server that is asked about runs. Every method raises PipelineServerError where it refuses or is silent."""

    @property
    def runs_namespace(self) -> str:
        """Where the pods of runs are: the user's namespace, or that of a server for one user."""
        return self.namespace or STANDALONE

    def runs(self, limit: int, experiment: str | None = None) -> list[V2beta1Run]:
        """Return the newest runs of the namespace, the newest first.

        Args:
            limit: How many at most.
            experiment: Id of the experiment; all of them unless given.
        """

        def page(token: str) -> Any:
            return self._client.list_runs(
                page_token=token,
                page_size=min(limit, PAGE),
                sort_by="created_at desc",
                experiment_id=experiment,
                namespace=None if experiment else self.namespace,
            )

        with self._asking():
            return list(islice(self._all(page, "runs"), limit))

    def get_run(self, identity: str) -> V2beta1Run:
        """Return a run with the details of its tasks."""
        with self._asking():
            return self._client.get_run(identity)

    def stop_run(self, identity: str) -> None:
        """Ask for the end of a run; the server calls it FAILED afterwards."""
        with self._asking():
            self._client.terminate_run(identity)

    def retry_run(self, identity: str) -> None:
        """Let a failed run go on after the tasks that have succeeded."""
        with self._asking():
            self._client._run_api.run_service_retry_run(identity)

    def about(self) -> dict[str, Any]:
        """Return what the server says about itself, such as tag_name and multi_user."""
        with self._asking():
            api = self._client._run_api.api_client
            return dict(
                api.call_api(
                    "/apis/v2beta1/healthz",
                    "GET",
                    response_type="object",
                    auth_settings=["Bearer"],
                    _return_http_data_only=True,
                )
            )

    def find_experiment(self, name: str) -> str | None:
        """Return the id of an experiment, or None."""

        def page(token: str) -> Any:
            return self._client.list_experiments(page_token=token, page_size=PAGE, namespace=self.namespace)

        with self._asking():
            found = (one.experiment_id for one in self._all(page, "experiments") if one.display_name == name)
            return next(found, None)
