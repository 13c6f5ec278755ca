"""Matting of a live stream: no more inference than the picture needs and the machine can do.

Where nothing moved, the last alpha holds; where the machine is too slow for every frame, every
second one has its alpha carried over from the one before. Either way the outline is then fitted to
the frame itself, so it is the frame's own alpha that goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bgblur.frame import Image
from bgblur.segmentation.carry import Carrier
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.governor import Effort, Governor, Work
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.motion import StillScene, small_picture
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats

GAP = 0.5  # seconds without a frame, after which nobody need be where they were
HOLDS_FRAMES, HOLDS_SECONDS = 10, 1.0  # how long an alpha may hold, whatever the picture says


class LiveMatting(Matting):
    """As Matting, where every frame is the newest of a camera.

    Without a ``governor`` the height stays, and no frame is carried; ``skip_static`` lets an alpha
    hold. ``clock`` gives seconds.
    """

    effort: Effort

    def __init__(
        self,
        engine: Engine,
        stats: Stats,
        governor: Governor | None,
        skip_static: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(engine, stats, late=True)
        self.effort = Effort(engine.input_height)
        self._governor = governor
        self._skip_static = skip_static
        self._clock = clock
        self._scene = StillScene()
        self._carrier = Carrier()
        self._alpha: Any = None  # the last that was inferred, smoothed
        self._small: Image | None = None  # the picture it belongs to
        self._shape: tuple[int, ...] = ()  # of the last frame
        self._ended = 0.0  # when that was done
        self._inferred_at = 0.0
        self._since = 0  # frames since then
        self._work: Work = "inferred"  # what the present frame took

    def __call__(self, image: Image, options: MaskOptions) -> tuple[Any, Any]:
        began = self._clock()
        if image.shape != self._shape or began - self._ended > GAP:
            self.reset()  # who was certain before a pause, or to another camera, may have left
        if self._governor is not None:
            self.engine.input_height = self.effort.height = self._governor.height
            self.effort.every = self._governor.every
        try:
            result = super().__call__(image, options)
        except Exception:
            self._forget()  # a failed engine must not be covered up by what it once gave
            raise
        finally:
            self._shape, self._ended = image.shape, self._clock()
        setattr(self.effort, self._work, getattr(self.effort, self._work) + 1)
        if self._governor is not None:
            self._governor.note(began, self._clock(), self._work)
        return result

    def reset(self) -> None:
        super().reset()
        self._forget()

    def _forget(self) -> None:
        self._alpha = None
        self._scene.forget()

    def _find(
        self, image: Image, pixels: Any, options: MaskOptions, small: Image | None = None
    ) -> Any:
        if not self._skip_static and self.effort.every == 1:
            self._forget()
            self._work, self._passed = "inferred", 1
            return super()._find(image, pixels, options)
        with self._stats.stage("motion"):
            small = small_picture(image)
            late = self._clock() - self._inferred_at > HOLDS_SECONDS
            if late:
                self._forget()
            still = (
                self._skip_static
                and self._since < HOLDS_FRAMES
                and self._alpha is not None
                and self._scene.holds(small)
            )
        self._since += 1
        if still:
            self._work = "held"
            return self._alpha  # not smoothed again: it would creep away from what was found
        if self.effort.every == 2 and self._alpha is not None and self._since == 1:
            with self._stats.stage("carry"):
                carried = self._carried(small)
            if carried is not None:
                self._work = "carried"
                return carried
        self._work, self._passed = "inferred", self._since
        alpha = super()._find(image, pixels, options, small)
        self._alpha, self._small = alpha, small
        self._inferred_at, self._since = self._clock(), 0
        if self._skip_static:
            self._scene.keep(small)
        return alpha

    def _carried(self, small: Image) -> Any:
        """The last alpha as it is in this frame, where the network computes, an array or a tensor;
        None where that cannot be told."""
        assert self._small is not None
        on_cpu = isinstance(self._alpha, np.ndarray)
        alpha = self._alpha if on_cpu else self._alpha.cpu().numpy()
        carried = self._carrier(alpha, self._small, small)
        if carried is None:
            return None
        if not np.isfinite(float(carried.sum())):  # a NaN would show the raw frame
            raise RuntimeError("the flow gave values that are not numbers")
        return carried if on_cpu else self._alpha.new_tensor(carried)
