"""A camera, a model and outputs that break in every known way."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import cv2
import numpy as np

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.config.settings import EngineSettings
from bgblur.errors import CameraBusyError, CameraError, ModelError, OutputError
from bgblur.frame import Alpha, Frame, Image
from bgblur.imaging.tiled import TiledAlpha
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.build import load_backend
from bgblur.segmentation.governor import Effort
from bgblur.segmentation.ladder import HEIGHTS
from bgblur.sinks import PixelFormat, Resizing
from bgblur.stats import Stats
from support.faults.tally import TALLY
from support.faults.watermark import LEAK, WAVES, room, watermark_seen
from support.pipeline_parts import PERSON, SquareEngine

RUNGS = HEIGHTS["cpu"]
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


class Switch:
    """The fault of one part, by name; None while it works."""

    def __init__(self, raises: dict[str, Callable[[], Exception]]) -> None:
        self._raises = raises
        self._changed = threading.Condition()
        self.fault: str | None = None

    def set(self, fault: str | None) -> None:
        with self._changed:
            self.fault = fault
            self._changed.notify_all()

    def strike(self) -> None:
        """Raise or hang as the fault says; a hung call returns when the fault is over."""
        fault = self.fault
        if fault in self._raises:
            raise self._raises[fault]()
        if fault == "hangs":
            with self._changed:
                self._changed.wait_for(lambda: self.fault != "hangs")


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


@dataclass(frozen=True)
class Pace:
    """How the engine is set up, and its speed."""

    rung: int = 160  # the height it starts at
    governed: bool = True  # whether the governor may leave it
    seconds: float = 0.0  # of an inference at 160 rows
    skip_static: bool = True

    @property
    def settings(self) -> EngineSettings:
        return EngineSettings(
            input_height="auto" if self.governed else self.rung, skip_static=self.skip_static
        )


class Model:
    """``load`` returns what the daemon runs around an engine that finds the square, takes its time
    by ``pace`` and breaks by ``switch``."""

    RAISES: ClassVar[dict[str, Callable[[], Exception]]] = {
        "raises": lambda: RuntimeError("in forward\nRuntimeError: broken"),
        "out of memory": lambda: RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        "no memory": MemoryError,
    }
    ALPHAS: ClassVar[dict[str, Callable[[Alpha], Any]]] = {
        "a NaN": lambda alpha: np.where(alpha > 0, np.nan, alpha),
        "infinity": lambda alpha: np.full_like(alpha, np.inf),
        "both infinities": lambda alpha: np.where(alpha > 0, np.inf, -np.inf),
        "logits": lambda alpha: np.where(alpha > 0, alpha * 9, 2.5).astype(np.float32),
        "three dimensions": lambda alpha: alpha[None],
        "turned on its side": lambda alpha: np.ascontiguousarray(alpha.T),
        "nothing": lambda alpha: alpha[:0],
        "None": lambda alpha: None,
        "a strip": lambda alpha: alpha[:8],
    }
    LOADS: ClassVar[dict[str, Callable[[], Exception]]] = {
        "cannot be loaded": lambda: ModelError("the model file is broken"),
        "fails to load": lambda: RuntimeError("CUDA error: no kernel image"),
    }
    PICTURES = ("slow pictures", "no pictures")  # of the compositor
    FAULTS = (*RAISES, *ALPHAS, *LOADS, *PICTURES, "hangs", "context lost", "late", "slow")

    def __init__(self, pace: Pace | None = None) -> None:
        self.switch = Switch(self.RAISES)
        self.pace = pace or Pace()
        self.efforts: list[Effort] = []  # of all that were loaded
        # Called with the name of each network that is loaded, in its thread.
        self.on_load: Callable[[str], None] = lambda _: None
        self.breaks_except: str | None = None  # all other networks fail

    def load(
        self,
        settings: EngineSettings | None = None,
        stats: Stats | None = None,
        fps: Callable[[], float] = lambda: 30.0,
    ) -> Backend:
        if self.switch.fault in self.LOADS:
            raise self.LOADS[self.switch.fault]()
        if self.switch.fault == "hangs":
            self.switch.strike()
        lost = threading.Event()

        def behave(network: str, alpha: Alpha) -> Any:
            if self.breaks_except not in (None, network):
                raise RuntimeError("no memory")
            TALLY.heights[len(alpha)] += 1
            time.sleep(self.pace.seconds * (len(alpha) / 160) ** 2)
            fault = self.switch.fault
            if fault == "context lost":
                lost.set()
            if lost.is_set():
                raise RuntimeError("CUDA error: unspecified launch failure")
            self.switch.strike()
            time.sleep({"late": 1.2, "slow": 0.15}.get(fault or "", 0))
            return self.ALPHAS[fault](alpha) if fault in self.ALPHAS else alpha

        def engine(chosen: EngineSettings) -> SquareEngine:
            self.on_load(chosen.model)
            height = chosen.input_height
            behaves = partial(behave, chosen.model)
            return SquareEngine(behaves, self.pace.rung if isinstance(height, str) else height)

        backend = load_backend(
            settings or self.pace.settings, stats or Stats(), fps=fps, load_engine=engine
        )
        assert backend.effort is not None  # live matting
        self.efforts.append(backend.effort)
        return replace(backend, compositor=FaultyCompositor(self.switch))


class FaultyCompositor(CpuCompositor):
    def __init__(self, switch: Switch) -> None:
        super().__init__()
        self._switch = switch

    def compose(
        self,
        pixels: Image,
        alpha: Alpha | TiledAlpha,
        look: Look,
        seconds: float = 0.0,
        i420: bool = False,
    ) -> Image:
        if self._switch.fault == "no pictures":
            raise ValueError("no memory")
        if self._switch.fault == "slow pictures":
            time.sleep(0.35)
        return super().compose(pixels, alpha, look, seconds)


class Output:
    """The device behind a sink or preview: looks for the watermark in every picture.

    ``may_be_raw`` is the user's choice. When it changes, one picture that is already on its way may
    still arrive, within a moment.
    """

    RAISES: ClassVar[dict[str, Callable[[], Exception]]] = {
        "gone": lambda: OutputError("the output is gone"),
        "write error": lambda: OSError(28, "No space left on device"),
    }
    FAULTS = (*RAISES, "hangs", "slow", "refuses to close")

    def __init__(self, pixel_format: PixelFormat = "bgr", resizing: Resizing = "reopen") -> None:
        self.pixel_format, self.resizing = pixel_format, resizing
        self.switch = Switch(self.RAISES)
        self.handles: list[OpenOutput] = []
        self.times: deque[float] = deque(maxlen=2000)
        self.opened = 0
        self.may_be_raw = False
        self._forbidden = 0.0
        self._grace: float | None = None  # until when, by ``clock``
        self.clock: Callable[[], float] = time.monotonic  # of what is on its way
        self.wrong: list[str] = []

    def open(self, width: int, height: int, fps: float) -> OpenOutput:
        self.switch.strike()
        self.opened += 1
        handle = OpenOutput(self, width, height)
        self.handles = [old for old in self.handles if not old.closed] + [handle]
        return handle

    def open_preview(self) -> OpenOutput:
        return self.open(0, 0, 30.0)

    def forbid_raw(self) -> None:
        self._forbidden = time.monotonic()
        self._grace, self.may_be_raw = self.clock() + 0.2, False

    def look_at(self, picture: Image, size: tuple[int, int]) -> None:
        width, height = size
        TALLY.frames += 1
        arrived, at = time.monotonic(), self.clock()  # looking takes time
        self.times.append(arrived)
        if self.pixel_format == "i420":
            if picture.shape != (height * 3 // 2, width):
                self.wrong.append(f"{picture.shape} instead of I420 of {width}x{height}")
                return
            picture = cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420)
        elif size != (0, 0) and picture.shape != (height, width, 3):
            self.wrong.append(f"{picture.shape} instead of {width}x{height}")
        seen = watermark_seen(picture)
        if seen < LEAK:
            return
        if self.may_be_raw or (self._grace is not None and at < self._grace):
            TALLY.raw_by_choice += 1
            self._grace = None
        else:
            TALLY.leaks += 1
            since = arrived - self._forbidden
            self.wrong.append(f"{seen:.2f} of the watermark shows, {since:.2f} s after the choice")
            print(self.wrong[-1])  # where an error at the end hides it


class OpenOutput:
    name = "watermark detector"

    def __init__(self, output: Output, width: int, height: int) -> None:
        self._output = output
        self._size = width, height
        self.pixel_format = output.pixel_format
        self.resizing = output.resizing
        self.closed = False

    def publish(self, picture: Image) -> None:
        if self.closed:
            self._output.wrong.append("a picture after the close")
        self._output.look_at(picture, self._size)
        self._output.switch.strike()
        if self._output.switch.fault == "slow":
            time.sleep(0.15)

    def close(self) -> None:
        self.closed = True
        if self._output.switch.fault == "refuses to close":
            raise OSError(5, "Input/output error")
