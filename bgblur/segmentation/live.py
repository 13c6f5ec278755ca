"""Matting of a live stream: no more inference than the picture needs and the machine can do.

While nothing moves, the last alpha is held, and its outline is fitted to the frame itself. Where
the machine is slow a smaller network sees a smaller picture. No alpha is ever moved to another
picture: where it would be wrong, the room would be seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bgblur.frame import Image
from bgblur.gpu.stream import on_stream
from bgblur.imaging.tiles import SIDE
from bgblur.segmentation.climber import Climber
from bgblur.segmentation.edges import tiled
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.governor import Effort, Work
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.motion import StillScene, half_of, small_picture
from bgblur.segmentation.options import MaskOptions
from bgblur.segmentation.plausible import ImplausibleError, Plausibility, cells_of
from bgblur.stats import Stats

GAP = 0.5  # seconds without a frame, after which the past counts for nothing
HOLDS_FRAMES, HOLDS_SECONDS = 10, 1.0  # the longest that an alpha is held, even in a still scene


class LiveMatting(Matting):
    """As Matting, for frames that are each the newest of a camera.

    Without a ``climber`` the ``network``, a name for people, and its input height are constant;
    with one, ``engine`` is its networks. With ``skip_static`` an alpha is held while the scene is
    still. ``clock`` returns seconds. An alpha that cannot be true of its picture raises
    ImplausibleError.
    """

    def __init__(
        self,
        engine: Engine,
        stats: Stats,
        climber: Climber | None,
        skip_static: bool,
        clock: Callable[[], float] = time.monotonic,
        network: str = "",
    ) -> None:
        super().__init__(engine, stats, late=True)
        self._effort = Effort(network, engine.input_height)
        self._climber = climber
        self._skip_static = skip_static
        self._clock = clock
        self._scene = StillScene()
        self._plausible = Plausibility()
        self._alpha: Any = None  # of the last inferred frame, smoothed
        self._shape: tuple[int, ...] = ()  # of the last frame
        self._ended = 0.0  # when the last frame was finished
        self._inferred_at = 0.0
        self._since = 0  # frames since the last inferred one

    @property
    def effort(self) -> Effort:
        return self._effort

    @property
    def problem(self) -> str | None:
        return self._climber.problem if self._climber is not None else None

    def __call__(self, image: Image, options: MaskOptions) -> tuple[Any, Any]:
        began = self._clock()
        if image.shape != self._shape or began - self._ended > GAP:
            self.reset()  # a person seen before a pause, or by another camera, may have left
        if self._climber is not None:
            rung = self._climber.step()
            self._effort.network, self._effort.height = rung.model, rung.height
        try:
            with on_stream(self.device):
                pixels = self._uploaded(image)
                alpha, judge, half = self._newest(image, pixels, options)
                alpha = self._enlarged(alpha, pixels, options, half)
                work = judge()
        except Exception as error:
            self._forget()  # old alphas must not hide that the engine fails
            if self._climber is not None and not isinstance(error, ImplausibleError):
                self._climber.failed(error)
            raise
        finally:
            self._shape, self._ended = image.shape, self._clock()
        self._effort.count(work)
        if self._climber is not None:
            self._climber.note(began, self._clock(), work)
        return pixels, alpha

    def reset(self, another_view: bool = False) -> None:
        super().reset(another_view)
        self._forget()
        if another_view:
            self._plausible.forget_room()

    def _forget(self) -> None:
        self._alpha = None
        self._scene.forget()

    def _newest(
        self, image: Image, pixels: Any, options: MaskOptions
    ) -> tuple[Any, Callable[[], Work], Image | None]:
        """(this frame's alpha at the network's resolution, a function that judges it and says where
        it came from, the frame at half its size where that can be made)."""
        with self._stats.stage("motion"):
            half = half_of(image)
            small = small_picture(image, half)
            if not self._skip_static or self._clock() - self._inferred_at > HOLDS_SECONDS:
                self._forget()
            still = (
                self._since < HOLDS_FRAMES and self._alpha is not None and self._scene.holds(small)
            )
        self._since += 1
        if still:
            return self._alpha, lambda: "held", half  # smoothing it again would let it drift
        self._alpha = self._inferred(image, pixels, options, self._since, small=small)
        self._inferred_at, self._since = self._clock(), 0
        if self._skip_static:
            self._scene.keep(small)
        cells = cells_of(self._alpha, small)
        return self._alpha, lambda: self._judged(cells, small), half

    def _enlarged(self, alpha: Any, pixels: Any, options: MaskOptions, half: Image | None) -> Any:
        """As ``_refined``; on a processor in tiles, which is less to move."""
        if self.device != "cpu" or min(pixels.shape[:2]) < SIDE:
            return self._refined(alpha, pixels, options, half)
        with self._stats.stage("edges"):
            return tiled(alpha, pixels, options.refine_edges, options.feather, half)

    def _judged(self, cells: Callable[[], Any], small: Image) -> Work:
        with self._stats.stage("plausible"):
            wrong = self._plausible(cells(), small, self._clock())
        if wrong:
            raise ImplausibleError(wrong)
        return "inferred"
