"""The pipeline's stages for files: every frame, in order, nothing dropped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bgblur.config.settings import Settings
from bgblur.errors import ModelError
from bgblur.frame import Alpha, Image
from bgblur.gpu.stream import fetched, on_stream
from bgblur.imaging.pictures import STEP_16, to_8_bits
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.build import load_backend, look_of, mask_of
from bgblur.stats import Stats

_STRIP = 256  # rows worked on at once where a large photo would need a second copy of itself


class Processor:
    """Image in, (picture, alpha) out, as the settings have it.

    ``segment`` and ``compose`` are its two halves, for callers that run them side by side.
    ``stills`` are unrelated pictures: no smoothing from one to the next. ``live`` frames come one
    by one as they are captured: a background clip plays by the clock, and no core is left to other
    stages. Raises ModelError when the engine fails: a file is better unfinished than with frames
    in it that are not blurred.
    """

    def __init__(self, settings: Settings, stills: bool = False, live: bool = False) -> None:
        self.stats = Stats()
        self._engine = settings.engine
        # A film's other stages run beside the engine and need a core, as they do live.
        self._spare_core = not (stills or live)
        self._backend: Backend | None = None  # loaded with the first frame: it takes seconds
        # The camera may be a mirror to its user; recordings and photos stay the right way round.
        self._look = replace(look_of(settings, live=live), mirror=False)
        mask = mask_of(settings)
        self._mask = type(mask)(mask.refine_edges, 0.0 if stills else mask.smoothing, mask.feather)

    def load(self) -> Backend:
        """The engine, loaded by the first call. Raises ModelError or UsageError."""
        if self._backend is None:
            self._backend = load_backend(self._engine, self.stats, spare_core=self._spare_core)
        return self._backend

    def restart(self) -> None:
        """The next picture does not follow the last: another film begins."""
        self.load().reset()

    def close(self) -> None:
        """Release the background clip, if there is one."""
        self._look.close()

    def __call__(self, image: NDArray[Any]) -> tuple[NDArray[Any], Alpha]:
        """BGR (H, W, 3), ``uint8`` or ``uint16``, to the finished picture of the same type and
        its ``float32`` alpha (H, W)."""
        if image.dtype != np.uint16:
            return self.compose(self.segment(image))
        picture, alpha = self.compose(self.segment(to_8_bits(image)))
        return self._in_16_bits(image, picture, alpha), alpha

    def segment(self, image: Image) -> tuple[Any, Any]:
        """BGR ``uint8`` (H, W, 3) to (pixels, alpha) where the engine computes."""
        backend = self.load()
        try:
            return backend.segment(image, self._mask)
        except RuntimeError as error:
            raise ModelError(f"the person cannot be found: {error}") from error

    def compose(self, segmented: tuple[Any, Any], seconds: float = 0.0) -> tuple[Image, Alpha]:
        """What ``segment`` gave to the finished picture and its ``float32`` alpha (H, W);
        ``seconds`` into the film, for a background that moves."""
        pixels, alpha = segmented
        with self.stats.stage("blur"):
            picture = self.load().compositor.compose(pixels, alpha, self._look, seconds)
        return picture, fetched(alpha)

    def probability(self, image: NDArray[Any]) -> Alpha:
        """That a place shows a person, as the network says it: ``float32`` (h, w), its own size."""
        engine = self.load().matting.engine
        try:
            with on_stream(engine.device):
                found = engine.infer(engine.upload(to_8_bits(image)))
        except RuntimeError as error:
            raise ModelError(f"the person cannot be found: {error}") from error
        return fetched(found)

    def _in_16_bits(
        self, image: NDArray[np.uint16], picture: Image, alpha: Alpha
    ) -> NDArray[np.uint16]:
        """``picture`` and, as far as alpha goes, the fine steps of ``image`` beyond 8 bits."""
        if self._look.raw:
            return image
        deep = np.empty(picture.shape, np.uint16)
        for top in range(0, len(picture), _STRIP):
            rows = slice(top, top + _STRIP)
            fine = image[rows] - np.float32(STEP_16) * to_8_bits(image[rows])
            whole = np.float32(STEP_16) * picture[rows] + fine * alpha[rows, :, None]
            deep[rows] = np.rint(whole).clip(0, 65535)
        return deep
