"""The addresses of the service: from a request to the runtime and back to a typed answer."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from csad.serving.openapi import describe
from csad.serving.problems import Problem
from csad.serving.schemas import BatchAnswer, Explanation, ScoreAnswer
from csad.serving.uploads import one_image, read_body, several_images

if TYPE_CHECKING:
    from pydantic import BaseModel
    from starlette.requests import Request

    from csad.serving.body_budget import BodyReservation
    from csad.serving.runtime import Runtime

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PAGE = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")


def content_policy(page: str) -> str:
    """Allow a page its own scripts and nothing from elsewhere."""
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class _Endpoint(HTTPEndpoint):
    """An address; other methods than its own are answered with 405."""

    @staticmethod
    def runtime(request: Request) -> Runtime:
        """The service's parts."""
        found: Runtime = request.app.state.runtime
        return found

    async def body(self, request: Request, reservation: BodyReservation) -> bytes:
        """Read the body within the service's limits."""
        runtime = self.runtime(request)
        began = time.perf_counter()
        content = await read_body(request, runtime.settings.max_bytes, runtime.settings.timeout, reservation)
        runtime.measurements.observe("read", time.perf_counter() - began)
        return content


class ScoreEndpoint(_Endpoint):
    """POST /score."""

    async def post(self, request: Request) -> Response:
        """Decide on one image."""
        runtime = self.runtime(request)
        with runtime.admitted() as reservation:
            upload = await one_image(request, await self.body(request, reservation))
            async with runtime.in_time():
                outcome = await runtime.score(upload)
        answer = ScoreAnswer.of(outcome.score, runtime.model.name)
        return _json(answer, {"Server-Timing": outcome.timing})


class ScoreBatchEndpoint(_Endpoint):
    """POST /score_batch."""

    async def post(self, request: Request) -> Response:
        """Decide on several images."""
        runtime = self.runtime(request)
        with runtime.admitted() as reservation:
            uploads = await several_images(request, await self.body(request, reservation), runtime.settings.max_files)
            runtime.batcher.check_room(len(uploads))
            async with runtime.in_time():
                results = await runtime.score_each(uploads)
        return _json(BatchAnswer(results=results, model=runtime.model.name))


class ExplainEndpoint(_Endpoint):
    """POST /explain."""

    async def post(self, request: Request) -> Response:
        """Decide on one image and show where it is unusual: JSON, or the PNG alone for `Accept: image/png`."""
        runtime = self.runtime(request)
        with runtime.admitted() as reservation:
            upload = await one_image(request, await self.body(request, reservation))
            async with runtime.in_time():
                outcome, overlay = await runtime.explain(upload)
        score = outcome.score
        headers = {"Server-Timing": outcome.timing}
        if request.headers.get("accept", "").strip().lower() == "image/png":
            headers |= {"X-Csad-Score": f"{score.value:.6g}", "X-Csad-Anomalous": str(score.anomalous).lower()}
            return Response(overlay, media_type="image/png", headers=headers)
        picture = "data:image/png;base64," + base64.b64encode(overlay).decode()
        answer = ScoreAnswer.of(score, runtime.model.name)
        return _json(Explanation(overlay=picture, **dict(answer)), headers)


class ModelEndpoint(_Endpoint):
    """GET /model; POST for clients that know one method only."""

    async def get(self, request: Request) -> Response:
        """Describe the model."""
        return _json(self.runtime(request).model.card)

    post = get


class PageEndpoint(_Endpoint):
    """GET /."""

    async def get(self, request: Request) -> Response:
        """Show the page for people."""
        headers = {"Content-Security-Policy": content_policy(PAGE), "Cache-Control": "no-cache"}
        return HTMLResponse(PAGE, headers=headers)


class MetricsEndpoint(_Endpoint):
    """GET /metrics."""

    async def get(self, request: Request) -> Response:
        """Give Prometheus its figures."""
        return Response(self.runtime(request).measurements.render(), headers={"Content-Type": METRICS_TYPE})


class DescriptionEndpoint(_Endpoint):
    """GET /docs.json."""

    async def get(self, request: Request) -> Response:
        """Describe the addresses as OpenAPI."""
        runtime = self.runtime(request)
        return JSONResponse(describe(runtime.model.name, bool(runtime.settings.token)))


def create_app() -> Starlette:
    """Make the application; its `state.runtime` is set when the model is loaded."""
    return Starlette(
        routes=[
            Route("/", PageEndpoint),
            Route("/score", ScoreEndpoint),
            Route("/score_batch", ScoreBatchEndpoint),
            Route("/explain", ExplainEndpoint),
            Route("/model", ModelEndpoint),
            Route("/metrics", MetricsEndpoint),
            Route("/docs.json", DescriptionEndpoint),
        ],
        exception_handlers={Problem: _refuse},
    )


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    runtime: Runtime = request.app.state.runtime
    runtime.measurements.refused(error.body.error)
    return error.response()


def _json(answer: BaseModel, headers: dict[str, str] | None = None) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)
