"""A camera before a watermarked room, which breaks in every known way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

import cv2
import numpy as np

from bgblur.errors import CameraBusyError, CameraError
from bgblur.frame import Frame, Image
from support.faults.switch import Switch
from support.faults.watermark import WAVES, room
from support.pipeline_parts import PERSON

SIZES = [(320, 180), (240, 180), (400, 226), (480, 270)]


def scene(index: int, width: int, height: int) -> Image:
    """The room with the white square that stands for the person; it jumps with every ``index``.

    They never leave a strip of room narrower than two waves at a border: in a corner such a strip
    is blurred to its own tint, without detail, which the detector takes for a wave.
    """
    image = room(width, height).copy()
    strip = round(2 * height / WAVES)
    x = _beside(strip, (index * 37) % (width - PERSON), width - PERSON)
    y = _beside(strip, (index * 23) % (height - PERSON), height - PERSON)
    image[y : y + PERSON, x : x + PERSON] = 255
    return image


def _beside(strip: int, place: int, last: int) -> int:
    """``place`` in 0..``last``, or the border it is nearer to than ``strip``."""
    return 0 if place < strip else last if place > last - strip else place


class Camera:
    """The device. ``switch`` breaks it; ``size`` is that of the next opening. The person rests for
    ``rests`` frames before they jump."""

    RAISES: ClassVar[dict[str, Callable[[], Exception]]] = {
        "unplugged": lambda: CameraError("the camera is unplugged"),
        "busy": lambda: CameraBusyError("another program has the camera"),
        "driver error": lambda: OSError(19, "No such device"),
    }
    FRAMES: ClassVar[dict[str, Callable[[Image], Any]]] = {
        "grey frames": lambda image: image[..., 0],
        "empty frames": lambda image: image[:0],
        "no frames": lambda image: None,
        "float frames": lambda image: image.astype(np.float64),
        "frames of another size": lambda image: cv2.resize(image, (202, 152)),
        "upside-down views": lambda image: image[::-1, ::-1],
    }
    FAULTS = (*RAISES, *FRAMES, "hangs", "refuses to close")

    def __init__(self, size: tuple[int, int] = SIZES[0], fps: float = 50.0) -> None:
        self.size, self.fps = size, fps
        self.rests = 1
        self.switch = Switch(self.RAISES)
        self.handles: list[OpenCamera] = []

    def open(self) -> OpenCamera:
        self.switch.strike()
        handle = OpenCamera(self)
        self.handles = [old for old in self.handles if not old.closed] + [handle]
        return handle


class OpenCamera:
    name = "watermarked room"
    remark: str | None = None

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self.width, self.height = camera.size
        self.fps = camera.fps
        self.closed = False
        self._index = 0

    def read(self) -> Frame:
        time.sleep(1 / self.fps)
        self._camera.switch.strike()
        self._index += 1
        image = scene(self._index // self._camera.rests, self.width, self.height)
        garble = self._camera.FRAMES.get(self._camera.switch.fault or "")
        return Frame(garble(image) if garble else image, self._index)

    def close(self) -> None:
        self.closed = True
        if self._camera.switch.fault == "refuses to close":
            raise OSError(5, "Input/output error")
