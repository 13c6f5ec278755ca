"""What the user wants to see behind the person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bgblur.frame import Image

Mode = Literal["blur", "image", "color", "none"]

# Strength 50 is a 61-tap Gaussian at 360 lines; OpenCV gives 61 taps a sigma of 9.5 pixels.
_SIGMA_AT_100 = 2 * 9.5 / 360


@dataclass(frozen=True)
class Look:
    """How to finish a frame. ``strength`` is 0..100, ``color`` BGR, ``picture`` BGR of any size."""

    mode: Mode = "blur"
    strength: int = 60
    color: tuple[int, int, int] = (64, 177, 0)
    picture: Image | None = None
    mirror: bool = False

    @property
    def raw(self) -> bool:
        """The user's explicit choice to show the room as it is."""
        return self.mode == "none" or (self.mode == "blur" and self.strength == 0)


def sigma_of(strength: int, height: int) -> float:
    """The Gaussian's sigma in pixels for a frame ``height`` lines high."""
    return _SIGMA_AT_100 * height * strength / 100
