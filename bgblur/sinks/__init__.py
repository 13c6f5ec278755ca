"""Where frames go. A new sink is one file with one class that follows this protocol."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from bgblur.frame import Image

PixelFormat = Literal["bgr", "i420"]
Resizing = Literal["any", "reopen", "never"]


class Sink(Protocol):
    """An open output. The constructor opens it.

    ``pixel_format`` is what ``publish`` takes: BGR ``(H, W, 3)``, or I420 as
    ``(H * 3 // 2, W)`` with even W and H (BT.601, limited range). Both are ``uint8``.
    ``resizing`` says what a new frame size needs: nothing ("any"), a new sink ("reopen"), or that
    it is impossible ("never").
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
    """A sink whose frame size may differ from the one asked for."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) that ``publish`` takes."""


@runtime_checkable
class Recording(Sink, Protocol):
    """A sink that keeps its pictures. After a failure it is not opened again, since nobody would
    expect the rest of the recording in another file."""

    @property
    def kept(self) -> bool:
        """Whether its file exists, complete or up to where it breaks off."""


@runtime_checkable
class Watched(Sink, Protocol):
    """A sink that can tell whether anybody watches."""

    @property
    def clients(self) -> int:
        """How many programs take its pictures, as far as it can count them; 0 if none does."""
