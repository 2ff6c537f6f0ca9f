"""A Kubeflow Pipelines server over HTTP on this machine: the part of API v2beta1 that csad uses.

It keeps everything in memory and runs nothing. Every request and every answer is checked against the published client's
OpenAPI models; what does not conform is a 400, and is kept in `violations`.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from tests.services.kfp_answers import Refused, find, identity, page
from tests.services.kfp_runs import Runs
from tests.services.openapi import Unexpected, check

ROOT = "/apis/v2beta1"
JSON_TYPES = {
    "STRING": str,
    "BOOLEAN": bool,
    "NUMBER_INTEGER": int,
    "NUMBER_DOUBLE": (int, float),
    "LIST": list,
    "STRUCT": dict,
}


class KfpServer(Runs):
    """Starts on entering, stops on leaving.

    Attributes:
        requests: Method and path of every request, in order.
        violations: What did not conform to the OpenAPI models.
        experiments, pipelines, versions, runs, recurring: By id.
        refuse: Which requests, by method and path, are answered with 500.
        version, multi_user: What it says about itself.
        course: States of a run, one for each look at it; it stays in the last. None leaves runs as they are. As on a
            real server the `error` of a run stays empty, however it ends.
    """

    def __init__(self, token: str | None = None) -> None:
        self.token = token
        self.requests: list[tuple[str, str]] = []
        self.violations: list[str] = []
        self.experiments: dict[str, dict[str, Any]] = {}
        self.pipelines: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.recurring: dict[str, dict[str, Any]] = {}
        self.refuse: Callable[[str, str], bool] = lambda method, path: False
        self.version = "2.17.0"
        self.multi_user = False
        self.course: list[str] | None = None
        self._looks: Counter[str] = Counter()
        self._clock = datetime(2026, 1, 1, tzinfo=UTC)
        self._lock = threading.Lock()
        server = self

        class Handler(_Handler):
            kfp = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def endpoint(self) -> str:
        """Address."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    def now(self) -> str:
        """A time that is later than the last one."""
        self._clock += timedelta(seconds=1)
        return self._clock.isoformat()

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, content_type: str) -> tuple[str, Any]:
        """Return the model and the content of an answer."""
        for wanted, pattern, name in ROUTES:
            match = re.fullmatch(pattern, path)
            if wanted == method and match:
                with self._lock:
                    return getattr(self, name)(*match.groups(), query=query, body=body, content_type=content_type)
        raise Refused(404, f"no such address: {method} {path}")

    def healthz(self, **_: Any) -> tuple[str, Any]:
        # The real server answers with more than its description says.
        return "object", {"commit_sha": "0" * 40, "tag_name": self.version, "multi_user": self.multi_user}

    def create_experiment(self, *, body: bytes, **_: Any) -> tuple[str, Any]:
        asked = self._read(body, "V2beta1Experiment")
        if any(known["display_name"] == asked["display_name"] for known in self.experiments.values()):
            raise Refused(409, f"experiment {asked['display_name']} exists")
        made = {**asked, "experiment_id": identity(), "created_at": self.now(), "storage_state": "AVAILABLE"}
        self.experiments[made["experiment_id"]] = made
        return "V2beta1Experiment", made

    def list_experiments(self, *, query: dict[str, str], **_: Any) -> tuple[str, Any]:
        return "V2beta1ListExperimentsResponse", page(self.experiments, "experiments", query)

    def get_experiment(self, identity: str, **_: Any) -> tuple[str, Any]:
        return "V2beta1Experiment", find(self.experiments, identity, "experiment")

    def upload_pipeline(self, *, query: dict[str, str], body: bytes, content_type: str) -> tuple[str, Any]:
        specification = _uploaded(body, content_type)
        name = query.get("name") or specification["pipeline_spec"]["pipelineInfo"]["name"]
        if any(known["display_name"] == name for known in self.pipelines.values()):
            raise Refused(409, f"pipeline {name} exists")
        made = {"pipeline_id": identity(), "display_name": name, "created_at": self.now()}
        self.pipelines[made["pipeline_id"]] = made
        self._add_version(made["pipeline_id"], name, specification)
        return "V2beta1Pipeline", made

    def upload_version(self, *, query: dict[str, str], body: bytes, content_type: str) -> tuple[str, Any]:
        find(self.pipelines, query["pipelineid"], "pipeline")
        return "V2beta1PipelineVersion", self._add_version(
            query["pipelineid"], query["name"], _uploaded(body, content_type)
        )

    def list_pipelines(self, *, query: dict[str, str], **_: Any) -> tuple[str, Any]:
        return "V2beta1ListPipelinesResponse", page(self.pipelines, "pipelines", query)

    def list_versions(self, pipeline: str, *, query: dict[str, str], **_: Any) -> tuple[str, Any]:
        find(self.pipelines, pipeline, "pipeline")
        mine = {key: value for key, value in self.versions.items() if value["pipeline_id"] == pipeline}
        return "V2beta1ListPipelineVersionsResponse", page(mine, "pipeline_versions", query)

    def create_run(self, *, body: bytes, **_: Any) -> tuple[str, Any]:
        asked = self._read(body, "V2beta1Run")
        self._check_run(asked)
        made = {**asked, "run_id": identity(), "created_at": self.now(), "state": "PENDING"}
        self.runs[made["run_id"]] = made
        return "V2beta1Run", made

    def get_run(self, identity: str, **query: Any) -> tuple[str, Any]:
        if self.course:
            self.runs[identity]["state"] = self.course[min(self._looks[identity], len(self.course) - 1)]
            self._looks[identity] += 1
        return super().get_run(identity, **query)

    def create_recurring(self, *, body: bytes, **_: Any) -> tuple[str, Any]:
        asked = self._read(body, "V2beta1RecurringRun")
        self._check_run(asked)
        if not 1 <= int(asked.get("max_concurrency", 0)) <= 10:
            raise Refused(400, "max_concurrency must be from 1 to 10")
        cron = asked.get("trigger", {}).get("cron_schedule", {}).get("cron", "")
        if len(cron.split()) not in (5, 6):  # five pass, and mean something else: so does the real server
            raise Refused(400, f"cron expression {cron!r} is not valid")
        made = {
            **asked,
            "recurring_run_id": identity(),
            "created_at": self.now(),
            "max_concurrency": str(asked["max_concurrency"]),
            "status": "ENABLED" if asked["mode"] == "ENABLE" else "DISABLED",
        }
        self.recurring[made["recurring_run_id"]] = made
        return "V2beta1RecurringRun", made

    def list_recurring(self, *, query: dict[str, str], **_: Any) -> tuple[str, Any]:
        return "V2beta1ListRecurringRunsResponse", page(self.recurring, "recurringRuns", query)

    def delete_recurring(self, identity: str, **_: Any) -> tuple[str, Any]:
        find(self.recurring, identity, "recurring run")
        del self.recurring[identity]
        return "object", {}

    def set_recurring(self, identity: str, verb: str, **_: Any) -> tuple[str, Any]:
        found = find(self.recurring, identity, "recurring run")
        found["mode"] = verb.upper()
        found["status"] = f"{verb.upper()}D"
        return "object", {}

    def _add_version(self, pipeline: str, name: str, specification: dict[str, Any]) -> dict[str, Any]:
        mine = [version for version in self.versions.values() if version["pipeline_id"] == pipeline]
        if any(version["display_name"] == name for version in mine):
            raise Refused(409, f"version {name} exists")
        made = {
            "pipeline_id": pipeline,
            "pipeline_version_id": identity(),
            "display_name": name,
            "created_at": self.now(),
            "pipeline_spec": specification,
        }
        self.versions[made["pipeline_version_id"]] = made
        return made

    def _check_run(self, asked: dict[str, Any]) -> None:
        """A run names an experiment and a pipeline, and gives every parameter that has no default, of its type."""
        find(self.experiments, asked.get("experiment_id", ""), "experiment")
        reference = asked.get("pipeline_version_reference")
        if reference:
            version = find(self.versions, reference["pipeline_version_id"], "pipeline version")
            if version["pipeline_id"] != reference["pipeline_id"]:
                raise Refused(400, "the version is of another pipeline")
            specification = version["pipeline_spec"]
        else:
            specification = asked["pipeline_spec"]
        known = specification["pipeline_spec"]["root"].get("inputDefinitions", {}).get("parameters", {})
        given = asked.get("runtime_config", {}).get("parameters") or {}
        for name, value in given.items():
            if name not in known:
                raise Refused(400, f"the pipeline has no parameter {name}")
            if not isinstance(value, JSON_TYPES[known[name]["parameterType"]]):
                raise Refused(400, f"parameter {name} is {value!r}, expected {known[name]['parameterType']}")
        missing = [
            name
            for name, about in known.items()
            if name not in given and not about.get("isOptional") and "defaultValue" not in about
        ]
        if missing:
            raise Refused(400, f"parameters without a value: {missing}")

    def _read(self, body: bytes, model: str) -> dict[str, Any]:
        value = json.loads(body)
        try:
            check(value, model, request=True)
        except Unexpected as error:
            self.violations.append(f"request: {error}")
            raise Refused(400, str(error)) from None
        return value


ROUTES = [
    ("GET", f"{ROOT}/healthz", "healthz"),
    ("POST", f"{ROOT}/experiments", "create_experiment"),
    ("GET", f"{ROOT}/experiments", "list_experiments"),
    ("GET", f"{ROOT}/experiments/([^/:]+)", "get_experiment"),
    ("POST", f"{ROOT}/pipelines/upload", "upload_pipeline"),
    ("POST", f"{ROOT}/pipelines/upload_version", "upload_version"),
    ("GET", f"{ROOT}/pipelines", "list_pipelines"),
    ("GET", f"{ROOT}/pipelines/([^/]+)/versions", "list_versions"),
    ("POST", f"{ROOT}/runs", "create_run"),
    ("GET", f"{ROOT}/runs", "list_runs"),
    ("GET", f"{ROOT}/runs/([^/:]+)", "get_run"),
    ("POST", f"{ROOT}/runs/([^/:]+):terminate", "terminate_run"),
    ("POST", f"{ROOT}/runs/([^/:]+):retry", "retry_run"),
    ("POST", f"{ROOT}/recurringruns", "create_recurring"),
    ("GET", f"{ROOT}/recurringruns", "list_recurring"),
    ("DELETE", f"{ROOT}/recurringruns/([^/:]+)", "delete_recurring"),
    ("POST", f"{ROOT}/recurringruns/([^/:]+):(enable|disable)", "set_recurring"),
]


class _Handler(BaseHTTPRequestHandler):
    kfp: ClassVar[KfpServer]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Tests read `requests`."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.kfp.requests.append((self.command, path))
        try:
            if self.kfp.token and self.headers.get("authorization") != f"Bearer {self.kfp.token}":
                raise Refused(401, "Unauthenticated: there is no user identity header.")
            if self.kfp.refuse(self.command, path):
                raise Refused(500, "the database is not there")
            model, content = self.kfp.answer(self.command, path, query, body, self.headers.get("Content-Type", ""))
            check(content, model)
            self._send(200, content)
        except Refused as refused:
            self._send(refused.status, {"code": 9, "message": str(refused), "details": []})
        except Unexpected as error:
            self.kfp.violations.append(f"answer: {error}")
            self._send(500, {"code": 13, "message": str(error), "details": []})

    def _send(self, status: int, content: Any) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _uploaded(body: bytes, content_type: str) -> dict[str, Any]:
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    (part,) = [part for part in message.iter_parts() if part.get_filename()]
    documents = list(yaml.load_all(part.get_payload(decode=True), Loader=yaml.CSafeLoader))
    platform = documents[1] if len(documents) > 1 else {}
    return {"pipeline_spec": documents[0], "platform_spec": platform}
