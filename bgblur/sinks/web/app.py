"""The preview's endpoints: the page, the streams, the status, and the settings."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bgblur.errors import BgblurError
from bgblur.frame import Image
from bgblur.localhost.stream import BOUNDARY, JpegFeed, Newest

MAX_BODY_BYTES = 4096
MAX_STREAMS = 8
STREAM_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
PAGE = Path(__file__).parent / "page"
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

Value = int | float | str | bool

log = logging.getLogger(__name__)


class Change(BaseModel):
    """What the page may ask for."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    key: Literal[
        "background.strength",
        "background.mode",
        "background.image",
        "background.color",
        "camera.mirror",
        "output.paused",
    ]
    value: Value


class Streams:
    """GET /stream?view=after|before|alpha, at most MAX_STREAMS of them at a time."""

    def __init__(self, feeds: dict[str, JpegFeed]) -> None:
        self._feeds = feeds
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        feed = self._feeds.get(Request(scope).query_params.get("view", "after"))
        if feed is None:
            refusal = PlainTextResponse("Unknown view: use after, before or alpha.\n", 404)
            await refusal(scope, receive, send)
        elif self._open >= MAX_STREAMS:
            refusal = PlainTextResponse("Too many previews are open: close one.\n", 503)
            await refusal(scope, receive, send)
        elif scope["method"] == "HEAD":
            await Response(media_type=STREAM_TYPE)(scope, receive, send)
        else:
            self._open += 1
            try:
                with feed.watched():
                    stream = StreamingResponse(feed.parts(), media_type=STREAM_TYPE)
                    await stream(scope, receive, send)
            finally:
                self._open -= 1


def build_app(
    *,
    newest: Newest,
    status: Callable[[], dict[str, object]],
    change: Callable[[str, Value], None],
    before: Callable[[], Image | None],
    matte: Callable[[], Image | None],
    token: str,
) -> ASGIApp:
    """The page and what it asks for; callbacks run on worker threads."""

    def file(path: str, name: str, media_type: str) -> Route:
        # What the page loads needs the token too: it stands in each file's own links.
        content = (PAGE / name).read_text("utf-8").replace("%TOKEN%", token)
        return Route(path, lambda _: Response(content, media_type=media_type))

    files = [
        file(f"/{found.name}", found.name, MEDIA_TYPES[found.suffix])
        for found in PAGE.iterdir()
        if found.suffix in MEDIA_TYPES
    ]

    def get_status(_: Request) -> Response:
        return JSONResponse(status())

    async def set_value(request: Request) -> Response:
        try:
            wanted = Change.model_validate_json(await _body(request))
            await run_in_threadpool(change, wanted.key, wanted.value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "body"
            return PlainTextResponse(f"{where}: {first['msg']}\n", 422)
        except BgblurError as error:
            return PlainTextResponse(f"{error}\n", 422)
        return JSONResponse({"key": wanted.key, "value": wanted.value})

    streams = Streams(
        {
            "after": JpegFeed(newest, lambda: newest.picture),
            "before": JpegFeed(newest, before),
            "alpha": JpegFeed(newest, matte),
        }
    )
    return Starlette(
        routes=[
            file("/", "index.html", "text/html"),
            *files,
            Route("/stream", streams, methods=["GET"]),
            Route("/api/status", get_status),
            Route("/api/set", set_value, methods=["POST"]),
        ],
        exception_handlers={Exception: _failed},
    )


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body is longer than {MAX_BODY_BYTES} bytes.\n")
    return bytes(body)


def _failed(request: Request, error: Exception) -> Response:
    log.error("the web preview failed at %s: %s", request.url.path, error)
    log.debug("in full:", exc_info=error)
    return PlainTextResponse("The preview failed here: bgblur's log says why.\n", 500)
