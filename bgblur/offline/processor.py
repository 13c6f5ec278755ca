"""The daemon's stages for files: every frame, in order, none dropped."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bgblur.compositing.cutout import cut_out
from bgblur.compositing.deep import DeepCompositor, Paint
from bgblur.config.settings import Settings
from bgblur.errors import ModelError, UnfitPictureError, UsageError
from bgblur.frame import Alpha, Image
from bgblur.gpu.stream import fetched, on_stream
from bgblur.imaging.pictures import STEP_16, to_8_bits
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.build import load_backend, look_of, mask_of
from bgblur.pipeline.engines import load_engine
from bgblur.segmentation.quality import Quality, guided_by_color
from bgblur.stats import Stats


class Processor:
    """Takes a picture and returns the result and its alpha, according to the settings.

    ``segment`` and ``compose`` are its two halves, for callers that run them in parallel. With
    ``stills`` the pictures are unrelated and alpha is not smoothed from one to the next. ``live``
    frames come one by one as they are captured: a background clip plays by the clock, and no core
    is kept free for other stages. ``share`` is the number of cores for this process, where several
    work side by side.

    Raises ModelError when the engine fails: an unfinished file is better than one with frames that
    are not blurred. Raises UsageError for a picture that no engine takes.
    """

    def __init__(
        self,
        settings: Settings,
        stills: bool = False,
        live: bool = False,
        quality: Quality = "fast",
        share: int | None = None,
    ) -> None:
        self.stats = Stats()
        self._engine = settings.engine
        # A video's other stages run beside torch and need a core, as they do live.
        spare = not (stills or live)
        self._load = partial(load_engine, spare_core=spare, quality=quality, share=share)
        self._backend: Backend | None = None  # loaded with the first picture: it takes seconds
        self._deep: tuple[Paint, DeepCompositor] | None = None
        # The daemon mirrors the picture for its user; recordings and photos keep their sides.
        self._look = replace(look_of(settings, live=live), mirror=False)
        mask = mask_of(settings)
        still = replace(mask, smoothing=0.0, by_color=guided_by_color(quality))
        self._mask = still if stills else mask

    def load(self) -> Backend:
        """Load the engine at the first call and return it. Raises ModelError or UsageError."""
        if self._backend is None:
            self._backend = load_backend(self._engine, self.stats, load_engine=self._load)
        return self._backend

    def restart(self) -> None:
        """Forget the last picture: the next one begins another video."""
        self.load().reset()

    def close(self) -> None:
        """Release the background clip, if there is one."""
        self._look.close()

    def __call__(self, image: NDArray[Any]) -> tuple[NDArray[Any], Alpha]:
        """Return the result, of the same size and type, and its ``float32`` alpha (H, W).

        ``image`` is BGR (H, W, 3), ``uint8`` or ``uint16``.
        """
        if image.dtype != np.uint16:
            return self.compose(self.segment(image))
        return self.compose_deep(image, self.segment(to_8_bits(image)), 0.0, _in_16_bits)

    def segment(self, image: Image) -> tuple[Any, Any]:
        """Return (pixels, alpha) of a BGR ``uint8`` (H, W, 3) picture, on the engine's device."""
        backend = self.load()
        try:
            return backend.segment(image, self._mask)
        except UnfitPictureError as error:
            raise UsageError(f"{error}; crop it") from error
        except RuntimeError as error:
            raise ModelError(f"the person cannot be found: {error}") from error

    def compose(self, segmented: tuple[Any, Any], seconds: float = 0.0) -> tuple[Image, Alpha]:
        """Return the finished picture and its ``float32`` alpha (H, W).

        ``segmented`` is what ``segment`` returned. ``seconds`` is the time since the video's first
        frame, for a background that moves.
        """
        pixels, alpha = segmented
        with self.stats.stage("blur"):
            picture = self.load().compositor.compose(pixels, alpha, self._look, seconds)
        return picture, fetched(alpha)

    def compose_deep(
        self, image: NDArray[np.uint16], segmented: tuple[Any, Any], seconds: float, paint: Paint
    ) -> tuple[NDArray[np.uint16], Alpha]:
        """As ``compose``, for an ``image`` of 16 bits; ``segmented`` is of a copy in 8 bits.
        ``paint`` brings sRGB into the colours of ``image``; it is the same for a whole video."""
        alpha = fetched(segmented[1])
        if self._deep is None or self._deep[0] is not paint:
            self._deep = paint, DeepCompositor(paint)
        with self.stats.stage("blur"):
            return self._deep[1].compose(image, alpha, self._look, seconds), alpha

    def cut_out(
        self, image: NDArray[Any], segmented: tuple[Any, Any], opacity: NDArray[Any] | None
    ) -> tuple[NDArray[Any], Alpha]:
        """The person of ``image`` on a transparent ground, BGRA of its type, and the alpha; see
        ``cutout.cut_out``. ``segmented`` is of ``image``, or of a copy in 8 bits."""
        alpha = fetched(segmented[1])
        return cut_out(image, alpha, opacity), alpha

    def probability(self, image: NDArray[Any]) -> Alpha:
        """Return the network's own output, the probability of a person: ``float32`` (h, w)."""
        engine = self.load().matting.engine
        try:
            with on_stream(engine.device):
                found = engine.infer(engine.upload(to_8_bits(image)))
        except UnfitPictureError as error:
            raise UsageError(f"{error}; crop it") from error
        except RuntimeError as error:
            raise ModelError(f"the person cannot be found: {error}") from error
        return fetched(found)


def _in_16_bits(picture: Image) -> NDArray[np.uint16]:
    return picture.astype(np.uint16) * np.uint16(STEP_16)
