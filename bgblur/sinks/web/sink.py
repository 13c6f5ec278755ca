"""``--output web``: the live preview page, which needs no virtual camera."""

from __future__ import annotations

from collections.abc import Callable

from bgblur.config.file import Value
from bgblur.devices.choices import CameraChoice
from bgblur.errors import OutputError
from bgblur.frame import Image
from bgblur.localhost.newest import NewestPicture
from bgblur.localhost.server import LocalServer
from bgblur.sinks import PixelFormat, Resizing
from bgblur.sinks.web.app import build_app


class WebSink:
    """Serves the newest picture at ``url``, on 127.0.0.1 and only to the holder of its token.

    ``status()`` returns what the page shows. ``change(key, value)`` writes the user's
    configuration and raises UsageError with one line for a bad value. ``cameras()`` lists what may
    be chosen. ``before()`` returns the
    camera picture behind the newest published one and ``matte()`` its alpha as a gray BGR
    picture, or None without one; both are called only while somebody watches them, and the
    results are not kept. All are called from worker threads. ``port`` 0 takes a free one.
    Raises OutputError if the port is not available.
    """

    pixel_format: PixelFormat = "bgr"
    resizing: Resizing = "any"

    def __init__(
        self,
        *,
        status: Callable[[], dict[str, object]],
        change: Callable[[str, Value], None],
        cameras: Callable[[], list[CameraChoice]],
        before: Callable[[], Image | None],
        matte: Callable[[], Image | None],
        port: int = 0,
    ) -> None:
        self._newest = NewestPicture()
        self._server = LocalServer(
            lambda token: build_app(
                newest=self._newest,
                status=status,
                change=change,
                cameras=cameras,
                before=before,
                matte=matte,
                token=token,
            ),
            "web-preview",
            port,
        )
        self.url = self._server.url
        self.name = f"web preview at {self.url}"

    @property
    def is_open(self) -> bool:
        """Whether ``close`` has not been called yet."""
        return not self._newest.closed

    @property
    def watchers(self) -> int:
        """How many picture streams are read."""
        return self._newest.watchers

    def publish(self, picture: Image) -> None:
        """Show ``picture``, uint8 (H, W, 3) BGR. Raises OutputError once the server has ended."""
        if not self._server.alive:
            raise OutputError("the web preview has ended: start bgblur-cam again")
        # A copy: the caller may write the next frame into the same buffer.
        self._newest.put(picture.copy())

    def close(self) -> None:
        """End the server and every open stream; safe to call twice."""
        self._newest.close()
        self._server.close()
