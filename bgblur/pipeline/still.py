"""The last picture before a pause, wholly blurred: what a pause may show instead of a card."""

from __future__ import annotations

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.frame import Image
from bgblur.imaging.color import from_i420, is_i420
from bgblur.pipeline.in_force import InForce, Made
from bgblur.pipeline.state import Rest


class Still:
    """Kept for one pause alone, and only where ``pause_shows`` is "blurred".

    It is made from a picture for the output, not from the camera's: blurred at full strength, over
    the person too, it shows less than others saw a moment before.
    """

    def __init__(self, in_force: InForce) -> None:
        self._in_force = in_force
        self._compositor = CpuCompositor()
        self._kept: tuple[Image, Made] | None = None

    def update(self, last: Image | None, made: Made | None) -> None:
        """Call it for each picture that is shown or refused. In a pause that shows a still, make it
        from ``last``, the newest picture, which was made with ``made``; keep the one there is if
        ``last`` is None. Else forget it."""
        if not self._wanted():
            self._kept = None
        elif last is not None and made is not None:
            whole = from_i420(last) if is_i420(last) else last
            look = Look(zoom=made.look.zoom, blur=made.look.blur)
            self._kept = self._compositor.obscure(whole, look), made

    def picture(self) -> Image | None:
        """BGR (H, W, 3), shared: do not write to it. None where a card must be shown: the user may
        have chosen a card, another camera or a background without the room since."""
        kept = self._kept  # `update` may not have been called since the user chose a card
        if kept is None or not self._wanted():
            return None
        picture, (look, order) = kept
        hides = not look.shows_room or self._in_force.look.shows_room
        return picture if hides and order >= self._in_force.camera_since else None

    def _wanted(self) -> bool:
        return self._in_force.rest is Rest.PAUSED and self._in_force.pause_shows == "blurred"
