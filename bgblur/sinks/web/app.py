"""The preview's endpoints: the page, the streams, the status and the settings."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bgblur.config.file import Value
from bgblur.devices.choices import CameraChoice
from bgblur.errors import BgblurError, UsageError
from bgblur.frame import Image
from bgblur.localhost.body import read_body
from bgblur.localhost.newest import NewestPicture
from bgblur.localhost.pages import ICON, MEDIA_TYPES, STYLE, page_routes
from bgblur.localhost.stream import JpegFeed, Streams

MAX_BODY_BYTES = 4096
PAGE = Path(__file__).parent / "page"
FILES = (STYLE, ICON, *(file for file in PAGE.iterdir() if file.suffix in MEDIA_TYPES))

log = logging.getLogger(__name__)


class Change(BaseModel):
    """A change that the page may ask for."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    key: Literal[
        "camera.device",
        "background.strength",
        "background.blur",
        "background.mode",
        "background.image",
        "background.color",
        "camera.mirror",
        "camera.rotate",
        "camera.flip",
        "camera.zoom",
        "camera.center",
        "camera.follow",
        "output.width",
        "output.height",
        "output.fit",
        "output.bars",
        "output.paused",
        "output.pause_shows",
    ]
    value: Value


def build_app(
    *,
    newest: NewestPicture,
    status: Callable[[], dict[str, object]],
    change: Callable[[str, Value], None],
    cameras: Callable[[], list[CameraChoice]],
    before: Callable[[], Image | None],
    matte: Callable[[], Image | None],
    token: str,
) -> ASGIApp:
    """Build the app of the page; see ``WebSink`` for the callbacks. They run on worker threads."""

    def get_status(_: Request) -> Response:
        return JSONResponse(status())

    def get_cameras(_: Request) -> Response:
        # The value of a device that is no camera, as of an address, may hold a password.
        return JSONResponse(
            [
                {"text": c.text, "value": c.device if c.found else "", "chosen": c.chosen}
                for c in cameras()
            ]
        )

    def change_checked(wanted: Change) -> None:
        if wanted.key == "camera.device":
            there = [camera.device for camera in cameras() if camera.found]
            if wanted.value not in there:
                raise UsageError("that camera is not there any more: choose another one")
        change(wanted.key, wanted.value)

    async def set_value(request: Request) -> Response:
        try:
            wanted = Change.model_validate_json(await read_body(request, MAX_BODY_BYTES))
            await run_in_threadpool(change_checked, wanted)
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
            *page_routes(PAGE / "index.html", FILES, token),
            Route("/stream", streams, methods=["GET"]),
            Route("/api/status", get_status),
            Route("/api/cameras", get_cameras),
            Route("/api/set", set_value, methods=["POST"]),
        ],
        exception_handlers={Exception: _failed},
    )


def _failed(request: Request, error: Exception) -> Response:
    log.error("the web preview failed at %s: %s", request.url.path, error)
    log.debug("traceback:", exc_info=error)
    return PlainTextResponse("The preview failed: see bgblur's log for the reason.\n", 500)
