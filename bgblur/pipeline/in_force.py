"""What the user wants at this moment."""

from __future__ import annotations

from dataclasses import dataclass

from bgblur.compositing.look import Look
from bgblur.pipeline.state import Rest
from bgblur.segmentation.options import MaskOptions


@dataclass
class InForce:
    """The look, mask and rest in force. Any thread may replace one of them; the pipeline's threads
    read them again for every frame."""

    look: Look
    mask: MaskOptions
    rest: Rest | None = None

    def may_be_raw(self) -> bool:
        """Whether the user wants the room shown."""
        return self.look.raw and self.rest is None
