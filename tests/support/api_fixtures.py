"""A portrait, and a folder with a picture and a clip of it, for the Python API."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from bgblur.frame import Image
from bgblur.sources.demo import DemoSource
from support.media.video_files import writer

WIDTH, HEIGHT = 320, 180


@pytest.fixture(scope="module")
def portrait() -> Image:
    return DemoSource(WIDTH, HEIGHT).picture(0)


@pytest.fixture
def files(portrait: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with ``portrait.png`` and ``clip.mp4``."""
    cv2.imwrite(str(tmp_path / "portrait.png"), portrait)
    source = DemoSource(WIDTH, HEIGHT)
    with writer(tmp_path / "clip.mp4", WIDTH, HEIGHT) as clip:
        for pts in range(5):
            clip.write(source.picture(pts / 25), pts)
        clip.finish()
    monkeypatch.chdir(tmp_path)
    return tmp_path
