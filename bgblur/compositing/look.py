"""The background that the user chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bgblur.compositing.clip import Clip
from bgblur.frame import Image

Mode = Literal["blur", "image", "color", "none"]
BlurKind = Literal["gaussian", "lens"]
FileVersion = tuple[str, int, int, int]  # name, inode, bytes, nanoseconds of the last write

# Sigmas as fractions of the frame's height. The weakest blur hides: docs/picture.md says how it was
# chosen. The strongest is 19 pixels at 360 rows.
_WEAKEST, _STRONGEST = 0.018, 19 / 360


@dataclass(frozen=True)
class Look:
    """How to finish a frame. ``strength`` is 0..100, ``color`` BGR. Mode "image" shows ``clip`` if
    it is set, else ``picture`` (BGR of any size); ``light_wrap`` (0..1) is the amount of its light
    on the person's outline. ``zoom`` is that of the frame: the blur is as wide as in the camera's
    whole picture, so that a part of it shows no more of the room."""

    mode: Mode = "blur"
    strength: int = 60
    color: tuple[int, int, int] = (64, 177, 0)
    picture: Image | None = None
    mirror: bool = False
    light_wrap: float = 0.0
    clip: Clip | None = None
    origin: FileVersion | None = None  # of ``picture`` or ``clip``
    zoom: float = 1.0
    blur: BlurKind = "gaussian"  # both hide as much at the same strength

    @property
    def raw(self) -> bool:
        """Whether the user explicitly chose to show the room unblurred."""
        return self.mode == "none" or (self.mode == "blur" and self.strength == 0)

    @property
    def shows_room(self) -> bool:
        """Whether something of the room is left, be it blurred."""
        return self.mode in ("blur", "none")

    def hides_as_much_as(self, other: Look) -> bool:
        """Whether a picture made with this look hides the room at least as well as ``other`` does.

        >>> Look(strength=80).hides_as_much_as(Look(strength=30)), Look(strength=30).raw
        (True, False)
        """
        if other.raw or self.raw:
            return other.raw
        if not self.shows_room:
            return True
        return other.mode == "blur" and self.strength >= other.strength

    @property
    def shown_strength(self) -> int:
        """The strength in force; full while a blur replaces a picture that cannot be shown yet."""
        return self.strength if self.mode == "blur" else 100

    def sigma(self, height: int) -> float:
        """Of the blur in force, in pixels of a frame of ``height`` rows."""
        return sigma_of(self.shown_strength, self.zoom * height)

    def strongest(self, height: int) -> float:
        """As ``sigma``, of the blur at full strength."""
        return sigma_of(100, self.zoom * height)

    def edge(self, height: int) -> float | None:
        """Of the lens blur's discs: their edge is as soft as the weakest Gaussian, which hides by
        itself, and this is its sigma in pixels. None for the Gaussian blur."""
        return sigma_of(1, self.zoom * height) if self.blur == "lens" else None

    @property
    def shown_light_wrap(self) -> float:
        """The light wrap in force; 0 for a plain colour, which is a wall or a key colour."""
        return self.light_wrap if self.mode == "image" else 0.0

    def close(self) -> None:
        """Close the clip, if any. Call it once the look is no longer shown."""
        if self.clip is not None:
            self.clip.close()


def sigma_of(strength: int, height: float) -> float:
    """The Gaussian's sigma in pixels for a frame of ``height`` rows; 0 for strength 0.

    From 1 to 100 each step multiplies sigma by the same factor. The eye tells two blurs apart by
    their ratio (Watson and Ahumada 2011, "Blur clarified"), so equal steps look equal.

    >>> [round(sigma_of(strength, 360), 1) for strength in (0, 1, 50, 100)]
    [0.0, 6.5, 11.0, 19.0]
    """
    if strength == 0:
        return 0.0
    return height * _WEAKEST * (_STRONGEST / _WEAKEST) ** ((strength - 1) / 99)
