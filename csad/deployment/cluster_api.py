"""The connection to an API server, over which no request waits without end."""

from typing import Any

from kubernetes import client

ANSWER_SECONDS = 15
"""A whole number: the client takes no notice of any other."""


def connection(settings: client.Configuration) -> client.ApiClient:
    """Make a client that gives every request a time limit.

    Finding out what a cluster offers takes requests, too, and its methods let nobody set a limit for these.
    """
    api = client.ApiClient(settings)
    ask = api.call_api

    def ask_in_time(*arguments: Any, **options: Any) -> Any:
        options["_request_timeout"] = options.get("_request_timeout") or ANSWER_SECONDS
        return ask(*arguments, **options)

    api.call_api = ask_in_time
    return api
