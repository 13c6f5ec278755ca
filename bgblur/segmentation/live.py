"""Matting of a live stream: no more inference than the picture needs and the machine can do.

While nothing moves, the last alpha is held. Where the machine is too slow for every frame, every
second one gets its alpha from the frame before, carried along by optical flow. In both cases the
outline is then fitted to the frame itself, so a frame is always composited with its own alpha.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bgblur.frame import Image
from bgblur.gpu.stream import on_stream
from bgblur.segmentation.carry import Carrier
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.governor import Effort, Governor, Work
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.motion import StillScene, small_picture
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats

GAP = 0.5  # seconds without a frame, after which the past counts for nothing
HOLDS_FRAMES, HOLDS_SECONDS = 10, 1.0  # the longest that an alpha is held, even in a still scene


class LiveMatting(Matting):
    """As Matting, for frames that are each the newest of a camera.

    Without a ``governor`` the input height is constant and no frame is carried. With
    ``skip_static`` an alpha is held while the scene is still. ``clock`` returns seconds.
    """

    def __init__(
        self,
        engine: Engine,
        stats: Stats,
        governor: Governor | None,
        skip_static: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(engine, stats, late=True)
        self._effort = Effort(engine.input_height)
        self._governor = governor
        self._skip_static = skip_static
        self._clock = clock
        self._scene = StillScene()
        self._carrier = Carrier()
        self._alpha: Any = None  # of the last inferred frame, smoothed
        self._small: Image | None = None  # that frame's small picture
        self._shape: tuple[int, ...] = ()  # of the last frame
        self._ended = 0.0  # when the last frame was finished
        self._inferred_at = 0.0
        self._since = 0  # frames since the last inferred one

    @property
    def effort(self) -> Effort:
        return self._effort

    def __call__(self, image: Image, options: MaskOptions) -> tuple[Any, Any]:
        began = self._clock()
        if image.shape != self._shape or began - self._ended > GAP:
            self.reset()  # a person seen before a pause, or by another camera, may have left
        if self._governor is not None:
            self.engine.input_height = self._effort.height = self._governor.height
            self._effort.every = self._governor.every
        try:
            with on_stream(self.device):
                pixels = self._uploaded(image)
                alpha, work = self._newest(image, pixels, options)
                alpha = self._refined(alpha, pixels, options)
        except Exception:
            self._forget()  # old alphas must not hide that the engine fails
            raise
        finally:
            self._shape, self._ended = image.shape, self._clock()
        self._effort.count(work)
        if self._governor is not None:
            self._governor.note(began, self._clock(), work)
        return pixels, alpha

    def reset(self) -> None:
        super().reset()
        self._forget()

    def _forget(self) -> None:
        self._alpha = None
        self._scene.forget()

    def _newest(self, image: Image, pixels: Any, options: MaskOptions) -> tuple[Any, Work]:
        """(this frame's alpha at the network's resolution, where it came from)."""
        if not self._skip_static and self._effort.every == 1:
            self._forget()
            return self._inferred(image, pixels, options), "inferred"
        with self._stats.stage("motion"):
            small = small_picture(image)
            if self._clock() - self._inferred_at > HOLDS_SECONDS:
                self._forget()
            still = (
                self._skip_static
                and self._since < HOLDS_FRAMES
                and self._alpha is not None
                and self._scene.holds(small)
            )
        self._since += 1
        if still:
            return self._alpha, "held"  # smoothing it again would let it drift
        if self._effort.every == 2 and self._alpha is not None and self._since == 1:
            with self._stats.stage("carry"):
                carried = self._carried(small)
            if carried is not None:
                return carried, "carried"
        self._alpha = self._inferred(image, pixels, options, self._since, small)
        self._small = small
        self._inferred_at, self._since = self._clock(), 0
        if self._skip_static:
            self._scene.keep(small)
        return self._alpha, "inferred"

    def _carried(self, small: Image) -> Any:
        """The last alpha moved to this frame, an array or a tensor as the network's are; None where
        the optical flow is not reliable enough."""
        assert self._small is not None
        on_cpu = isinstance(self._alpha, np.ndarray)
        alpha = self._alpha if on_cpu else self._alpha.cpu().numpy()
        carried = self._carrier(alpha, self._small, small)
        if carried is None:
            return None
        if not np.isfinite(float(carried.sum())):  # a NaN would show the raw frame
            raise RuntimeError("the flow gave values that are not numbers")
        return carried if on_cpu else self._alpha.new_tensor(carried)
