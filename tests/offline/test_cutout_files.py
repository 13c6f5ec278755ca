"""``--save cutout``: the file's alpha is the matte that is written beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from support.media.written_clips import write_clip

from bgblur.compositing.cutout import cut_out
from bgblur.errors import UsageError
from bgblur.frame import Alpha
from bgblur.media.reader import Keep, VideoReader
from bgblur.offline.images import blur_images
from bgblur.offline.inputs import video_jobs
from bgblur.offline.video import VideoJob, blur_video

PERSON, ROOM = (60, 110, 170), (210, 200, 60)


def matte() -> Alpha:
    disc = np.zeros((96, 128), np.float32)
    cv2.circle(disc, (64, 48), 26, 1, -1)
    return cv2.GaussianBlur(disc, (0, 0), 3).clip(0, 1)


def scene() -> Any:
    alpha = matte()[..., None]
    return np.rint(alpha * np.array(PERSON) + (1 - alpha) * np.array(ROOM)).astype(np.uint8)


def cut(source: Path, target: Path, **more: Any) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("a cut-out needs no background")

    blur_video(
        VideoJob(source, target, cutout=True, **more),
        lambda picture: matte(),
        never,
        cut_out=lambda picture, alpha, opacity: (cut_out(picture, alpha, opacity), alpha),
    )


@pytest.mark.parametrize(("ending", "limit"), [(".mov", 3), (".webm", 12), (".mkv", 12)])
def test_a_clip_has_the_matte_as_alpha(tmp_path: Path, ending: str, limit: int) -> None:
    source = write_clip(tmp_path / "in.mp4", [scene()] * 3, options={"crf": "4"})
    target = tmp_path / f"out{ending}"
    cut(source, target, alpha=tmp_path / "matte.mkv")
    reader = VideoReader(target, keep=Keep(opacity=True))
    pictures = [picture for picture, _ in reader]
    assert (reader.opacity, len(pictures)) == (True, 3)
    with av.open(str(tmp_path / "matte.mkv")) as container:
        beside = next(container.decode(video=0)).to_ndarray().astype(int)
    assert np.abs(pictures[0][..., 3] - beside).max() <= limit
    shown = pictures[0][..., 3] > 64
    assert np.abs(pictures[0][shown, :3].astype(int) - PERSON).max() <= 16


def test_png_sequence(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", [scene()] * 3, options={"crf": "4"})
    cut(source, tmp_path / "out.mov", save_every=1, frames_dir=tmp_path / "frames")
    frames = sorted((tmp_path / "frames").iterdir())
    assert [frame.name for frame in frames] == [f"frame_{n:06}.png" for n in (1, 2, 3)]
    picture: Any = cv2.imread(str(frames[0]), cv2.IMREAD_UNCHANGED)
    assert np.abs(picture[..., 3] / 255 - matte()).max() <= 1 / 255


def test_a_container_without_opacity_is_refused_in_one_line(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", [scene()])
    with pytest.raises(UsageError, match=r"transparency to out.mp4: .*\.mkv, \.webm or \.mov"):
        cut(source, tmp_path / "out.mp4")


def test_a_photo(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), scene())
    report = blur_images(
        [tmp_path / "in.png"],
        tmp_path / "out",
        frozenset({"cutout"}),
        lambda picture: (picture, matte()),
    )
    assert report.problems == []
    picture: Any = cv2.imread(str(tmp_path / "out" / "in_cutout.png"), cv2.IMREAD_UNCHANGED)
    assert np.abs(picture[..., 3] / 255 - matte()).max() <= 1 / 255
    assert np.abs(picture[..., :3].astype(int) - PERSON).max() <= 6


def test_a_folders_cut_outs_get_a_name_that_holds_them(tmp_path: Path) -> None:
    files = [tmp_path / "a.mp4", tmp_path / "b.webm", tmp_path / "c.avi"]
    jobs = video_jobs(files, tmp_path / "out", VideoJob(Path(), Path(), cutout=True))
    assert [job.target.name for job in jobs] == ["a.mov", "b.webm", "c.mov"]
