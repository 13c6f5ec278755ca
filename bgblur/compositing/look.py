"""What the user wants to see behind the person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bgblur.compositing.clip import Clip
from bgblur.frame import Image

Mode = Literal["blur", "image", "color", "none"]
FileVersion = tuple[str, int, int, int]  # name, inode, bytes, nanoseconds of the last write

# Strength 50 is a 61-tap Gaussian at 360 lines; OpenCV gives 61 taps a sigma of 9.5 pixels.
_SIGMA_AT_100 = 2 * 9.5 / 360


@dataclass(frozen=True)
class Look:
    """How to finish a frame. ``strength`` is 0..100, ``color`` BGR. Mode "image" shows ``clip``
    if there is one, else ``picture`` (BGR of any size); ``light_wrap`` 0..1 is how much of its
    light falls on the person's outline."""

    mode: Mode = "blur"
    strength: int = 60
    color: tuple[int, int, int] = (64, 177, 0)
    picture: Image | None = None
    mirror: bool = False
    light_wrap: float = 0.0
    clip: Clip | None = None
    origin: FileVersion | None = None  # of ``picture`` or ``clip``

    @property
    def raw(self) -> bool:
        """The user's explicit choice to show the room as it is."""
        return self.mode == "none" or (self.mode == "blur" and self.strength == 0)

    @property
    def shown_strength(self) -> int:
        """Of the blur; full where it only stands in for a picture that cannot be shown yet."""
        return self.strength if self.mode == "blur" else 100

    @property
    def shown_light_wrap(self) -> float:
        """A plain colour throws no light: it is a key to be replaced, or a wall."""
        return self.light_wrap if self.mode == "image" else 0.0

    def close(self) -> None:
        """End the clip, if there is one: to be called once the look is no longer shown."""
        if self.clip is not None:
            self.clip.close()


def sigma_of(strength: int, height: int) -> float:
    """The Gaussian's sigma in pixels for a frame ``height`` lines high."""
    return _SIGMA_AT_100 * height * strength / 100
