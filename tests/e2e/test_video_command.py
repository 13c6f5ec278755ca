"""``bgblur-cam video`` on a real webcam clip, with the shipped model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from looks import detail

from bgblur.sources.video import VideoReader

pytestmark = pytest.mark.slow


def test_book_comes_out_whole_with_its_alpha(data: Path, tmp_path: Path) -> None:
    source = data / "video" / "webcam" / "book.mkv"
    target, matte = tmp_path / "out.mp4", tmp_path / "alpha.mkv"
    thumbnails = tmp_path / "frames"
    arguments = ["video", str(source), str(target), "--alpha", str(matte)]
    arguments += ["--save-every", "25", "--frames-dir", str(thumbnails)]
    subprocess.run([sys.executable, "-m", "bgblur", *arguments], check=True, timeout=300)

    before, after, alpha = VideoReader(source), VideoReader(target), VideoReader(matte)
    assert (after.width, after.height) == (before.width, before.height)
    # MP4 keeps the time stamps, which Matroska rounds to milliseconds; the mean shows that.
    assert float(after.fps) == pytest.approx(float(before.fps), rel=1e-3)
    assert (alpha.width, alpha.height) == (before.width, before.height)
    kept = changed = 0.0
    frames = 0
    for (raw, _), (blurred, _), (grey, _) in zip(before, after, alpha, strict=True):
        frames += 1
        room = cv2.dilate(grey[..., 0], np.ones((9, 9), np.uint8)) == 0
        person = cv2.erode(grey[..., 0], np.ones((9, 9), np.uint8)) == 255
        assert 0.05 < person.mean() < 0.8
        changed += float(detail(blurred)[room].mean() / detail(raw)[room].mean()) ** 0.5
        kept += float(detail(blurred)[person].mean() / detail(raw)[person].mean()) ** 0.5
    assert frames > 30
    assert changed / frames < 0.35  # amplitude: a tenth of the energy, and some codec noise
    assert kept / frames > 0.85
    assert len(list(thumbnails.glob("frame_*.png"))) == frames // 25
