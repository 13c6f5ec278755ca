"""The orientation of a picture, as cameras write it into their files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Orientation:
    """What makes a stored picture upright: first ``transpose``, then the flips, ``mirror`` left to
    right and ``upend`` top to bottom."""

    transpose: bool = False
    mirror: bool = False
    upend: bool = False

    @classmethod
    def of_exif(cls, number: int) -> Orientation:
        """From EXIF's ``Orientation`` tag, 1 to 8; other numbers count as upright."""
        return cls(
            transpose=number in (5, 6, 7, 8),
            mirror=number in (2, 3, 6, 7),
            upend=number in (3, 4, 7, 8),
        )

    def apply(self, picture: NDArray[Any]) -> NDArray[Any]:
        """``picture`` (H, W, channels) upright, contiguous."""
        turned = picture.transpose(1, 0, 2) if self.transpose else picture
        rows = slice(None, None, -1 if self.upend else 1)
        columns = slice(None, None, -1 if self.mirror else 1)
        return np.ascontiguousarray(turned[rows, columns])
