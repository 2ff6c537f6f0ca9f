"""The published client of a pipeline server, made to outlive a restart of that server inside a task.

A person repeats a command; nobody repeats a task (see `csad.common.patience`). What may have been carried out although
its answer was lost, such as the start of a run, is not sent twice.
"""

import re
from typing import Any

from kfp_server_api import ApiClient, ApiException
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from csad.common.patience import Patience, keep_trying

AT_ONCE = Patience(seconds=0)
"""Outside of tasks."""
ANSWER_SECONDS = 60.0
PASSING = frozenset({408, 429, 500, 502, 503, 504})
REFUSED_UNREAD = frozenset({429, 503})
"""Answers of servers that have not looked at the request."""
RUN = re.compile(r"/apis/v2beta1/runs/\{run_id\}$")


def be_patient(api: ApiClient) -> None:
    """Let a client try every request again for as long as CSAD_PATIENCE says, and wait for no answer without end."""
    ask = api.call_api

    def ask_again(path: str, method: str, *rest: Any, **options: Any) -> Any:
        options["_request_timeout"] = options.get("_request_timeout") or ANSWER_SECONDS

        def passing(error: Exception) -> str | None:
            return passes(error, method, path)

        what = f"{method} {path} at {api.configuration.host}"
        return keep_trying(lambda: ask(path, method, *rest, **options), passing, f"do {what}", AT_ONCE)

    api.call_api = ask_again


def passes(error: Exception, method: str, path: str) -> str | None:
    """Say in words what is wrong where the same request may succeed later; None where it must not be sent again.

    A run that has just been started is "not found" while the server restarts.
    """
    if isinstance(error, ApiException):
        safe = PASSING if method == "GET" else REFUSED_UNREAD
        young = error.status == 404 and method == "GET" and RUN.search(path)
        return f"HTTP status {error.status}" if error.status in safe or young else None
    cause = getattr(error, "reason", None) or error
    if isinstance(cause, SSLError):
        return None
    unsent = isinstance(cause, NewConnectionError | ConnectTimeoutError)
    return type(cause).__name__ if isinstance(error, HTTPError) and (unsent or method == "GET") else None
