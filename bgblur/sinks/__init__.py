"""Where frames go. A new sink is a file with one class that keeps this protocol."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from bgblur.frame import Image

PixelFormat = Literal["bgr", "i420"]
Resizing = Literal["any", "reopen", "never"]


class Sink(Protocol):
    """An open output. Opening happens in the constructor.

    ``pixel_format`` is what ``publish`` takes: BGR ``(H, W, 3)``, or I420 as
    ``(H * 3 // 2, W)`` with even W and H (BT.601, limited range). Both are ``uint8``.
    ``resizing`` says what a new frame size takes: nothing, a new sink, or that it cannot be had.
    """

    name: str
    pixel_format: PixelFormat
    resizing: Resizing

    def publish(self, picture: Image) -> None:
        """Show one picture. Raises OutputError once the output is gone."""

    def close(self) -> None:
        """Release the output; safe to call twice."""


@runtime_checkable
class Sized(Sink, Protocol):
    """A sink whose frame size may be another than the one that was asked for."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) that ``publish`` takes."""


@runtime_checkable
class Recording(Sink, Protocol):
    """A sink whose pictures are there to stay: one that fails is not opened anew, over what it has
    recorded."""

    @property
    def kept(self) -> bool:
        """Whether its file is there, complete or up to where it breaks off."""
