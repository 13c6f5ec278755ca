"""The pipeline's stages for files: every frame, in order, nothing dropped."""

from __future__ import annotations

import numpy as np

from bgblur.config import Settings
from bgblur.errors import ModelError
from bgblur.frame import Alpha, Image
from bgblur.parts import load_backend, look_of, mask_of
from bgblur.pipeline import Backend
from bgblur.stats import Stats


class Processor:
    """Image in, (picture, alpha) out, as the settings have it.

    ``stills`` are unrelated pictures: no smoothing from one to the next. Raises ModelError
    when the engine fails: a file is better unfinished than with frames in it that are not blurred.
    """

    def __init__(self, settings: Settings, stills: bool = False) -> None:
        self.stats = Stats()
        self._engine = settings.engine
        self._backend: Backend | None = None  # loaded with the first frame: it takes seconds
        self._look = look_of(settings)
        mask = mask_of(settings)
        self._mask = type(mask)(mask.refine_edges, 0.0 if stills else mask.smoothing, mask.feather)

    def __call__(self, image: Image) -> tuple[Image, Alpha]:
        """BGR ``uint8`` (H, W, 3) to the finished picture and its ``float32`` alpha (H, W)."""
        if self._backend is None:
            self._backend = load_backend(self._engine, self.stats, live=False)
        try:
            pixels, alpha = self._backend.segment(image, self._mask)
        except RuntimeError as error:
            raise ModelError(f"the person cannot be found: {error}") from error
        with self.stats.stage("blur"):
            picture = self._backend.compositor.compose(pixels, alpha, self._look)
        if self._look.mirror:
            alpha = alpha[:, ::-1] if isinstance(alpha, np.ndarray) else alpha.flip(1)
        return picture, alpha if isinstance(alpha, np.ndarray) else alpha.cpu().numpy()
