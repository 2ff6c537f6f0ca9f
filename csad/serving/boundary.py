"""The outermost layer: checks the token, turns every failure into JSON and lets no stack trace out."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import time
from typing import TYPE_CHECKING

from csad.serving.problems import Problem, internal, of_status

if TYPE_CHECKING:
    from starlette.datastructures import State
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from csad.serving.runtime import Runtime

OPEN_PATHS = frozenset({"/", "/livez", "/readyz", "/healthz", "/metrics", "/docs.json"})
"""Answered without a token: probes, metrics, the page (which asks for the token) and the description."""

DRAINED_BYTES = 128 * 1024 * 1024
DRAINED_SECONDS = 3.0
"""What is still taken in of a refused body: a client that is cut off while sending does not see the answer."""

_log = logging.getLogger(__name__)


class Boundary:
    """ASGI middleware around everything, BentoML's own pages included.

    Args:
        app: What it surrounds.
        state: Its `runtime` is the service once the model is loaded.
    """

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        exchange = _Exchange(scope, receive, send)
        runtime: Runtime | None = getattr(self._state, "runtime", None)
        try:
            if runtime is not None and scope["path"] not in OPEN_PATHS:
                _check_token(scope, runtime.settings.token)
            await self._app(scope, exchange.receive, exchange.send)
        except Problem as problem:
            await exchange.refuse(problem)
        except Exception:
            _log.exception("%s %s failed", scope["method"], scope["path"])
            if not exchange.status:
                await exchange.refuse(internal())
            elif not exchange.ended:
                raise  # the answer has begun; all that is left is to end the connection
        if runtime is not None:
            runtime.measurements.answered(scope["path"], exchange.status)
            runtime.measurements.observe("total", time.perf_counter() - began)


class _Exchange:
    """One request and its answer.

    Attributes:
        status: HTTP status code of the answer, 0 before it begins.
        ended: Whether the answer was sent to its end.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.status = 0
        self.ended = False
        self._scope = scope
        self._receive = receive
        self._send = send
        self._body_ended = False
        self._replaced = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._body_ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass an answer on, or put JSON in its place where it is an error in another form."""
        if message["type"] == "http.response.start":
            headers = {name.lower(): value for name, value in message["headers"]}
            self._replaced = message["status"] >= 400 and not headers.get(b"content-type", b"").startswith(
                b"application/json"
            )
            if self._replaced:
                self.ended = True
                await self.refuse(of_status(message["status"]), allow=headers.get(b"allow"))
                return
            self.status = message["status"]
            message["headers"].append((b"x-content-type-options", b"nosniff"))
            if self.status >= 400:
                await self._drain()
        elif message["type"] == "http.response.body":
            self.ended = self.ended or not message.get("more_body", False)
        if not self._replaced:
            await self._send(message)

    async def refuse(self, problem: Problem, allow: bytes | None = None) -> None:
        """Answer with a problem."""
        await self._drain()
        self.status = problem.status
        if allow is not None:
            problem.headers["Allow"] = allow.decode("latin-1")
        problem.headers["X-Content-Type-Options"] = "nosniff"
        await problem.response()(self._scope, self._receive, self._send)

    async def _drain(self) -> None:
        """Take in what is left of the body, unless the client waits for a sign before sending it."""
        headers = dict(self._scope["headers"])
        if b"expect" in headers or not (b"content-length" in headers or b"transfer-encoding" in headers):
            return
        taken = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAINED_SECONDS):
                while not self._body_ended and taken < DRAINED_BYTES:
                    message = await self.receive()
                    taken += len(message.get("body", b""))


def _check_token(scope: Scope, token: str) -> None:
    """Compare in constant time.

    Raises:
        Problem: 401.
    """
    if not token:
        return
    given = dict(scope["headers"]).get(b"authorization", b"")
    kind, _, credentials = given.partition(b" ")
    if not hmac.compare_digest(credentials.strip(), token.encode()) or kind.lower() != b"bearer":
        raise Problem(
            401,
            "wrong_token",
            "this service asks for a token; send the header Authorization: Bearer TOKEN",
            {"WWW-Authenticate": "Bearer"},
        )
