"""The promise on real video, with the clips' true mattes."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.looks import detail
from support.media.clips import composited, with_matte

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.compositor_torch import TorchCompositor
from bgblur.compositing.look import Look


@pytest.mark.parametrize("compositor", [CpuCompositor(), TorchCompositor("cpu")])
def test_person_stays_and_room_goes(data: Path, compositor: Any) -> None:
    for clip in composited(data):
        for frame, alpha in islice(with_matte(clip), 0, None, 25):
            picture = compositor.compose(frame, alpha, Look("blur", 60))
            inside = alpha > 0.95
            error = (picture[inside].astype(np.float32) - frame[inside]) ** 2
            psnr = 10 * np.log10(255**2 / max(1e-9, float(error.mean())))
            assert psnr >= 38, clip.stem
            # Away from the outline, whose own edge is detail, and is to stay.
            room = cv2.dilate(alpha, np.ones((25, 25), np.uint8)) < 0.02
            left = detail(picture)[room].sum() / detail(frame)[room].sum()
            assert left <= 0.1, clip.stem
