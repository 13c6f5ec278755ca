"""The whole way from frame to alpha: engine, smoothing, edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bgblur.frame import Image
from bgblur.gpu.stream import on_stream
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.finder import Finder, HostFinder
from bgblur.segmentation.governor import Effort
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats


class Matting:
    """Applies one engine to frame after frame.

    ``effort`` is what live matting does now; None here, where every frame is inferred.
    ``late``: a GPU's failure may be reported with the frame after it, see finder_torch.
    """

    effort: Effort | None = None

    def __init__(self, engine: Engine, stats: Stats, late: bool = False) -> None:
        self.engine = engine
        self._stats = stats
        self._passed = 1  # frames from the last that was inferred to this one
        self._finder = _finder(engine, stats, late)
        self._upsample = _upsampler(engine.device)

    def __call__(self, image: Image, options: MaskOptions) -> tuple[Any, Any]:
        """(pixels, alpha): the frame where the engine computes, and its alpha at its own size.

        Raises RuntimeError when the engine fails or what it gives is no alpha.
        """
        with on_stream(self.engine.device):
            with self._stats.stage("upload"):
                pixels = self.engine.upload(image)
            alpha = self._find(image, pixels, options)
            with self._stats.stage("edges"):
                alpha = self._upsample(alpha, pixels, options.refine_edges, options.feather)
        return pixels, alpha

    def reset(self) -> None:
        """The next frame does not follow the last."""
        self._finder.reset()

    def _find(
        self, image: Image, pixels: Any, options: MaskOptions, small: Image | None = None
    ) -> Any:
        """Alpha at the network's resolution, of whom is certain, smoothed. See Finder."""
        return self._finder(image, pixels, options.smoothing, self._passed, small)


def _finder(engine: Engine, stats: Stats, late: bool) -> Finder:
    if not engine.device.startswith("cuda"):
        return HostFinder(engine, stats)
    from bgblur.segmentation.finder_torch import TorchFinder

    return TorchFinder(engine, stats, late)


def _upsampler(device: str) -> Callable[[Any, Any, bool, float], Any]:
    if device == "cpu":
        from bgblur.segmentation.edges import upsample

        return upsample
    from bgblur.gpu.graph import Replay
    from bgblur.segmentation.edges_torch import upsample as on_device

    replay = Replay(lambda *arguments: (on_device(*arguments),), device)
    return lambda alpha, pixels, refine, feather: replay((alpha, pixels), refine, feather)[0]
