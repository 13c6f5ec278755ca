"""The endpoints of the recording page: the live picture, the guide, and the review."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
)
from starlette.routing import Route
from starlette.types import ASGIApp

from bgblur.errors import BgblurError
from bgblur.localhost.body import read_body
from bgblur.localhost.newest import NewestPicture
from bgblur.localhost.pages import ICON, STYLE, page_routes
from bgblur.localhost.stream import JpegFeed, Streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from bgblur.training.record.folder import RecordFolder, Shot
    from bgblur.training.record.record import Recorder

PAGE = Path(__file__).parent / "web"
FILES = (STYLE, ICON, *(PAGE / name for name in ("record.css", "record.js", "brush.js")))
MAX_MASK_BYTES = 16 * 1024 * 1024


def build_record_app(
    *,
    newest: NewestPicture,
    recorder: Recorder,
    folder: RecordFolder,
    finish: Callable[[], None],
    token: str,
) -> ASGIApp:
    """Build the app for a LocalServer: the page at ``/?token=...``; ``finish`` ends the session."""
    feed = JpegFeed(newest, lambda: newest.picture)

    def state(_: Request) -> Response:
        return JSONResponse(
            {
                "phase": recorder.phase,
                "guide": recorder.guide,
                "seconds": round(recorder.seconds_left, 1),
                "taken": recorder.taken,
                "count": recorder.plan.count,
                "problem": recorder.problem,
                "waiting": [shot.name for shot in folder.waiting()],
                "accepted": folder.accepted,
                "folder": str(folder.root),
            }
        )

    actions = {"pause": recorder.pause, "resume": recorder.resume, "finish": finish}

    def acting(action: Callable[[], None]) -> Callable[[Request], Response]:
        def act(request: Request) -> Response:
            action()
            return state(request)

        return act

    def picture(request: Request) -> Response:
        return FileResponse(_shot(folder, request).image, media_type="image/jpeg")

    def mask(request: Request) -> Response:
        return FileResponse(_shot(folder, request).mask, media_type="image/png")

    async def accept(request: Request) -> Response:
        body = await read_body(request, MAX_MASK_BYTES)
        shot = _shot(folder, request)
        await run_in_threadpool(folder.accept, shot, body or None)
        return state(request)

    def reject(request: Request) -> Response:
        folder.reject(_shot(folder, request))
        return state(request)

    return Starlette(
        routes=[
            *page_routes(PAGE / "index.html", FILES, token),
            Route("/stream", Streams({"after": feed}), methods=["GET"]),
            Route("/api/state", state),
            *(Route(f"/api/{name}", acting(do), methods=["POST"]) for name, do in actions.items()),
            Route("/api/picture/{name}", picture),
            Route("/api/mask/{name}", mask),
            Route("/api/accept/{name}", accept, methods=["POST"]),
            Route("/api/reject/{name}", reject, methods=["POST"]),
        ],
        exception_handlers={BgblurError: _refused},
    )


def _shot(folder: RecordFolder, request: Request) -> Shot:
    return folder.find(request.path_params["name"])


def _refused(_: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", 422)
