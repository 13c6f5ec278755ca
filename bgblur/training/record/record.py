"""Takes pictures of one person in one room at an interval, guides the person, labels them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bgblur.errors import BgblurError, CameraError
from bgblur.frame import Alpha, Image
from bgblur.interrupts import check
from bgblur.sources import Source
from bgblur.training.record.clean_plate import CleanPlate, moved
from bgblur.training.record.folder import RecordFolder

SessionPhase = Literal["ready", "leave", "plate", "return", "take", "paused", "done"]
Label = Callable[[Image], Alpha]  # BGR uint8 (H, W, 3) -> alpha float32 (H, W)

POSES = (
    "Look straight into the camera",
    "Turn your head to the left",
    "Turn your head to the right",
    "Look down, as if at your keyboard",
    "Lean back",
    "Come close to the camera",
    "Raise a hand",
    "Put a hand to your chin",
    "Lean to the left, out of the picture's edge",
    "Lean to the right, out of the picture's edge",
    "Raise both arms",
    "Talk, and move your hands",
    "Turn your chair sideways",
    "Hold something: a cup, a phone, headphones",
    "Sit as in a meeting",
)
READY = "Sit down in front of the camera and press Start"
LEAVE = "Step out of the picture: the empty room comes first"
PLATE = "Stay out: taking the empty room"
STILL_THERE = "Something moves: step out of the picture and keep everything still"
RETURN = "Come back and sit down"
DONE = "All pictures are taken"
PLATE_PICTURES, PLATE_SECONDS = 12, 1.8  # long enough for a person in the picture to move
PLATE_TRIES = 5
_BACK = 0.03  # share of the picture that differs from the plate when the person is back
_SETTLED = 2.0  # seconds to sit down before the first picture


@dataclass(frozen=True)
class RecordPlan:
    """``interval`` between pictures and ``countdown`` before the empty room, in seconds."""

    count: int
    interval: float
    plate: bool
    countdown: float = 5.0


class Recorder:
    """One session: ``run`` reads the source until all pictures are taken or ``stop`` is called.

    No picture is taken before ``resume``. ``phase``, ``taken``, ``guide`` (the next instruction to
    the person) and ``problem`` may be read from any thread. ``show`` is called with every frame; if
    it is given, the session continues after the last picture, so that the person can take more.
    ``tell`` is called with each new guide. When the camera fails, the session ends, ``problem``
    says why, and the pictures taken so far stay.
    """

    def __init__(
        self,
        source: Source,
        label: Label,
        folder: RecordFolder,
        plan: RecordPlan,
        *,
        show: Callable[[Image], None] | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.plan = plan
        self.phase: SessionPhase = "ready"
        self.guide = READY
        self.taken = 0
        self.problem: str | None = None
        self._source = source
        self._label = label
        self._folder = folder
        self._show = show
        self._tell = tell
        self._plate: CleanPlate | None = None
        self._empty: list[Image] = []
        self._tries = 0
        self._due = 0.0
        self._stopped = threading.Event()

    @property
    def seconds_left(self) -> float:
        """Seconds until the next picture."""
        return max(0.0, self._due - time.monotonic()) if self.phase in ("leave", "take") else 0.0

    def pause(self) -> None:
        if self.phase == "take":
            self.phase = "paused"

    def resume(self) -> None:
        """Begin or continue; after the last picture, take as many again."""
        if self.phase == "ready":
            self._due = time.monotonic() + self.plan.countdown
            self._say(LEAVE if self.plan.plate else POSES[0])
            self.phase = "leave" if self.plan.plate else "take"
        elif self.phase == "done" and self.problem is None:
            self.plan = RecordPlan(self.taken + self.plan.count, self.plan.interval, plate=False)
            self._begin_taking()
        elif self.phase == "paused":
            self._begin_taking()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        try:
            while not self._stopped.is_set() and (self._show or self.phase != "done"):
                check()
                image = self._source.read().image
                if self._show is not None:
                    self._show(image)
                self._next(image)
        except BgblurError as error:
            if not self._stopped.is_set():
                self.problem = str(error)
        finally:
            self.phase = "done"

    def _next(self, image: Image) -> None:
        now = time.monotonic()
        if self.phase == "leave" and now >= self._due:
            self.phase = "plate"
            self._say(PLATE)
        elif self.phase == "plate":
            self._take_plate(image)
        elif self.phase == "return" and self._plate is not None:
            nobody = np.zeros(image.shape[:2], np.float32)
            if (self._plate.difference(image, nobody) > 5).mean() > _BACK:
                self._begin_taking()
        elif self.phase == "take" and now >= self._due:
            self._take(image)

    def _take_plate(self, image: Image) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + PLATE_SECONDS / PLATE_PICTURES
        self._empty.append(image)
        if len(self._empty) < PLATE_PICTURES:
            return
        pictures, self._empty = self._empty, []
        if moved(pictures):
            self.phase = "leave"
            self._say(STILL_THERE)
            self._tries += 1
            if self._tries == PLATE_TRIES:
                raise CameraError(
                    "something moves in the room or the camera is not fixed, so the empty room "
                    "cannot be taken: fix that, or record without --plate"
                )
            self._due = time.monotonic() + self.plan.countdown
            return
        self._plate = CleanPlate(pictures)
        # The empty room is a training picture too.
        self._folder.add(self._plate.image, np.zeros(image.shape[:2], np.float32))
        self.phase = "return"
        self._say(RETURN)

    def _begin_taking(self) -> None:
        self.phase = "take"
        self._say(self._pose())
        self._due = time.monotonic() + min(_SETTLED, 2 * self.plan.interval)

    def _take(self, image: Image) -> None:
        alpha = self._label(image)
        if self._plate is not None:
            alpha = self._plate.correct(image, alpha)
        self._folder.add(image, alpha)
        self.taken += 1
        self._due = time.monotonic() + self.plan.interval
        if self.taken < self.plan.count:
            self._say(self._pose())
        else:
            self.phase = "done"
            self._say(DONE)

    def _say(self, guide: str) -> None:
        if guide != self.guide:
            self.guide = guide
            self._tell(guide)

    def _pose(self) -> str:
        """The pose of the next picture; each pose gets an equal share of the pictures."""
        return POSES[self.taken * len(POSES) // max(self.plan.count, 1) % len(POSES)]
