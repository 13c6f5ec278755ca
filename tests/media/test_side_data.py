"""Frames with side data that is newer than PyAV's names: EXIF, since FFmpeg 8."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow
from support.media.known_colors import UPRIGHT, corners

from bgblur.compositing.clip import SteppedClip
from bgblur.frame import Alpha, Image
from bgblur.media.player import ClipPlayer
from bgblur.media.reader import VideoReader
from bgblur.offline.video import VideoJob, blur_video

EXIF = 31  # AV_FRAME_DATA_EXIF


def lapse(path: Path, orientation: int = 1) -> Path:
    """A clip whose pictures are a camera's JPEG files, with their EXIF data."""
    exif = Pillow.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Cam"
    photo = io.BytesIO()
    Pillow.fromarray(corners()[..., ::-1]).save(photo, "JPEG", exif=exif, quality=98)
    with av.open(str(path), "w") as container:
        stream = container.add_mux_stream("mjpeg", 5, width=64, height=48, time_base=Fraction(1, 5))
        for index in range(3):
            packet = av.Packet(photo.getvalue())
            packet.pts = packet.dts = index
            packet.time_base, packet.is_keyframe, packet.stream = Fraction(1, 5), True, stream
            container.mux(packet)
    with av.open(str(path)) as container:
        held = {data.type.value for data in next(container.decode(video=0)).side_data}  # type: ignore[attr-defined]
    assert EXIF in held
    return path


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_clip_of_photos_is_read_upright(tmp_path: Path, orientation: int) -> None:
    pictures = [picture for picture, _ in VideoReader(lapse(tmp_path / "a.mov", orientation))]
    assert len(pictures) == 3
    height, width = pictures[0].shape[:2]
    assert (height, width) == ((64, 48) if orientation >= 5 else (48, 64))
    shown = [pictures[0][y, x].astype(int) for y in (8, height - 8) for x in (8, width - 8)]
    assert np.abs(np.array(shown) - np.array(UPRIGHT[orientation], int)).max() <= 12


def test_a_clip_of_photos_is_played_looped_and_written(tmp_path: Path) -> None:
    source = lapse(tmp_path / "a.mov")
    player = ClipPlayer(source)
    assert player.read().shape == (48, 64, 3)
    player.close()
    background = SteppedClip(source)
    assert background.at(0.3, 64, 48).shape == (48, 64, 3)
    background.close()

    def compose(picture: Image, _: float) -> tuple[Image, Alpha]:
        return picture, np.ones(picture.shape[:2], np.float32)

    job = VideoJob(source, tmp_path / "out.mp4")
    assert blur_video(job, lambda picture: picture, compose).frames == 3
