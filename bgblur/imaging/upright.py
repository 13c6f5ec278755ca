"""Which way is up, as cameras write it into their files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Turn:
    """What to do to a stored picture so that it comes out upright: first ``transpose``, then the
    flips, ``mirror`` left to right and ``upend`` top to bottom."""

    transpose: bool = False
    mirror: bool = False
    upend: bool = False

    @classmethod
    def of_exif(cls, orientation: int) -> Turn:
        """EXIF's number, 1 to 8; any other counts as upright."""
        return cls(
            transpose=orientation in (5, 6, 7, 8),
            mirror=orientation in (2, 3, 6, 7),
            upend=orientation in (3, 4, 7, 8),
        )

    def apply(self, picture: NDArray[Any]) -> NDArray[Any]:
        """``picture`` (H, W, channels) upright, contiguous."""
        turned = picture.transpose(1, 0, 2) if self.transpose else picture
        rows = slice(None, None, -1 if self.upend else 1)
        columns = slice(None, None, -1 if self.mirror else 1)
        return np.ascontiguousarray(turned[rows, columns])
