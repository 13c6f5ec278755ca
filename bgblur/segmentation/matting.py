"""From a frame to its alpha at the frame's size: inference, temporal smoothing, edge refinement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bgblur.frame import Image
from bgblur.gpu.stream import on_stream
from bgblur.segmentation.darkness import shown_in
from bgblur.segmentation.edges_color import upsample as upsample_by_color
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.finder import Finder, HostFinder
from bgblur.segmentation.governor import Effort
from bgblur.segmentation.motion import half_of, small_picture
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats


class Matting:
    """Applies one engine to every frame.

    With ``late``, a GPU reports an invalid alpha one frame later: see finder_torch.
    """

    def __init__(self, engine: Engine, stats: Stats, late: bool = False) -> None:
        self.engine = engine
        self._stats = stats
        self._finder = _finder(engine, stats, late)
        self._upsample = _upsampler(engine.device)

    @property
    def device(self) -> str:
        return self.engine.device

    @property
    def precision(self) -> str:
        return self.engine.precision

    @property
    def input_height(self) -> int:
        """Rows of the network's input; a live stream's may change from frame to frame."""
        return self.engine.input_height

    @property
    def effort(self) -> Effort | None:
        """What a live stream's matting does at present; None where every frame is inferred."""
        return None

    @property
    def problem(self) -> str | None:
        """What is wrong though alphas are found: one line for people; None if nothing is."""
        return None

    def __call__(self, image: Image, options: MaskOptions) -> tuple[Any, Any]:
        """(pixels, alpha) of ``image``, BGR ``uint8`` (H, W, 3): the frame on the engine's device,
        and its alpha, ``float32`` (H, W).

        Raises RuntimeError when the engine fails or its output is not a valid alpha.
        """
        with on_stream(self.device):
            pixels = self._uploaded(image)
            half = half_of(image)
            small = small_picture(image, half)
            alpha = self._inferred(image, pixels, options, small=small)
            return pixels, self._refined(alpha, pixels, options, half)

    def reset(self, another_view: bool = False) -> None:
        """Forget the frames before: the next one does not follow the last. ``another_view`` says
        that it does not show the same room in the same place, either."""
        self._finder.reset()

    def _uploaded(self, image: Image) -> Any:
        with self._stats.stage("upload"):
            return self.engine.upload(image)

    def _inferred(
        self,
        image: Image,
        pixels: Any,
        options: MaskOptions,
        passed: int = 1,
        *,
        small: Image,
    ) -> Any:
        """Alpha (h, w) at the network's resolution, thresholded by hysteresis and smoothed, 0 in
        the dark; the parameters are those of Finder."""
        return shown_in(small, self._finder(image, pixels, options.smoothing, passed, small))

    def _refined(self, alpha: Any, pixels: Any, options: MaskOptions, half: Image | None) -> Any:
        with self._stats.stage("edges"):
            if options.by_color and options.refine_edges and self.device == "cpu":
                return upsample_by_color(alpha, pixels, options.feather)
            return self._upsample(alpha, pixels, options.refine_edges, options.feather, half)


def _finder(engine: Engine, stats: Stats, late: bool) -> Finder:
    if not engine.device.startswith("cuda"):
        return HostFinder(engine, stats)
    from bgblur.segmentation.finder_torch import TorchFinder

    return TorchFinder(engine, stats, late)


def _upsampler(device: str) -> Callable[[Any, Any, bool, float, Image | None], Any]:
    if device == "cpu":
        from bgblur.segmentation.edges import upsample

        return upsample
    from bgblur.gpu.graph import Replay
    from bgblur.segmentation.edges_torch import upsample as upsample_torch

    replay = Replay(lambda *arguments: (upsample_torch(*arguments),), device)
    return lambda alpha, pixels, refine, feather, _: replay((alpha, pixels), refine, feather)[0]
