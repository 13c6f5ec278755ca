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

    def may_show(self, made_with: Look | None) -> bool:
        """Whether a picture made with this look may be shown now. None stands for a picture that
        shows nothing of the room: a card, or a whole frame blurred at full strength."""
        if made_with is None:
            return True
        return self.rest is None and made_with.hides_as_much_as(self.look)
