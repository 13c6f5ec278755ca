"""What finds the person and makes the picture: an engine's matting and the compositor beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bgblur.compositing.compositor import Compositor
from bgblur.frame import Image
from bgblur.segmentation.options import MaskOptions

if TYPE_CHECKING:  # it imports torch
    from bgblur.segmentation.governor import Effort
    from bgblur.segmentation.matting import Matting


@dataclass(frozen=True)
class Backend:
    """``matting`` finds the alpha where the engine computes; ``compositor`` finishes the picture
    there."""

    matting: Matting
    compositor: Compositor

    def segment(self, image: Image, mask: MaskOptions) -> tuple[Any, Any]:
        """``uint8`` BGR (H, W, 3) to (pixels, alpha), arrays or tensors of the engine's device.

        Raises RuntimeError when the engine fails.
        """
        return self.matting(image, mask)

    def reset(self, another_view: bool = False) -> None:
        """Forget the frames before: the next one does not follow them. With ``another_view`` it
        does not show the same room in the same place, either."""
        self.matting.reset(another_view)

    @property
    def device(self) -> str:
        return self.matting.device

    @property
    def unit(self) -> str:
        """What runs the network: an NPU, where pictures and alpha are on the processor."""
        return str(getattr(self.matting.engine, "unit", self.device))

    @property
    def precision(self) -> str:
        return self.matting.precision

    @property
    def input_height(self) -> int:
        """Rows of the network's input, as it is now: a live engine changes it."""
        return self.matting.input_height

    @property
    def effort(self) -> Effort | None:
        """What a live engine does now; None for files, where every frame is inferred."""
        return self.matting.effort

    @property
    def problem(self) -> str | None:
        """What is wrong though persons are found: one line for people; None if nothing is."""
        return self.matting.problem


LoadBackend = Callable[[], Backend]
