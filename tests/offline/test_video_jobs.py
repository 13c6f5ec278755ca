"""Which files a job leaves: where it is refused, where it breaks off, and where it is done."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from support.media.plain_clips import as_is, blur_video, clip, stamps

from bgblur.errors import OutputError, UsageError
from bgblur.frame import Alpha, Image
from bgblur.offline.video import VideoJob


def test_every_nth_frame_is_saved(tmp_path: Path) -> None:
    path = clip(tmp_path / "in.mp4", 10)
    folder = tmp_path / "new" / "frames"
    job = VideoJob(path, tmp_path / "out.mp4", save_every=4, frames_dir=folder)
    shown: list[Image] = []

    def keep(picture: Image) -> tuple[Image, Alpha]:
        shown.append(picture)
        return as_is(picture)

    blur_video(job, keep)
    assert sorted(entry.name for entry in folder.iterdir()) == [
        "frame_000004.png",
        "frame_000008.png",
    ]
    saved = cv2.imread(str(folder / "frame_000008.png"))
    assert saved is not None
    assert (saved == shown[7]).all()


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_nothing_behind(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    path = clip(tmp_path / "in.mp4", 30, sound=True)
    older = tmp_path / "out.mp4"
    older.write_text("older")
    count = itertools.count()

    def break_off(picture: Image) -> tuple[Image, Alpha]:
        if next(count) == 20:
            raise failure
        return as_is(picture)

    before = set(threading.enumerate())
    with pytest.raises(failure):
        blur_video(
            VideoJob(path, older, alpha=tmp_path / "alpha.mkv", overwrite=True),
            break_off,
        )
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
    assert older.read_text() == "older"
    assert not set(threading.enumerate()) - before


def test_progress_is_optional_and_stops_the_work_with_an_exception(tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def stop(done: int, total: int | None, fps: float) -> None:
        if done == 5:
            raise EnoughError

    path = clip(tmp_path / "in.mp4", 30)
    job = VideoJob(path, tmp_path / "out.mp4")
    with pytest.raises(EnoughError):
        blur_video(job, as_is, on_progress=stop)
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.mp4"]
    assert blur_video(job, as_is).frames == 30


def refused(tmp_path: Path) -> dict[str, tuple[VideoJob, type[Exception], str]]:
    source, out = tmp_path / "in.mp4", tmp_path / "out.mp4"
    link = tmp_path / "link.mp4"
    link.symlink_to(source)
    alpha = tmp_path / "alpha.mkv"
    return {
        "same": (VideoJob(source, source), UsageError, "three files"),
        "linked": (VideoJob(source, link), UsageError, "three files"),
        "alpha is the output": (VideoJob(source, alpha, alpha), UsageError, "three files"),
        "ending": (VideoJob(source, tmp_path / "out.wmv"), UsageError, "must end in"),
        "alpha's ending": (VideoJob(source, out, tmp_path / "a.mp4"), UsageError, r"\.mkv"),
        "half a wish": (VideoJob(source, out, save_every=3), UsageError, "go together"),
        "no interval": (
            VideoJob(source, out, save_every=0, frames_dir=tmp_path),
            UsageError,
            "1 or more",
        ),
        "no source": (VideoJob(tmp_path / "none.mp4", out), UsageError, "no such file"),
        "no folder": (VideoJob(source, tmp_path / "none" / "o.mp4"), OutputError, "no folder"),
        "no alpha folder": (
            VideoJob(source, out, tmp_path / "none" / "a.mkv"),
            OutputError,
            "no folder",
        ),
        "frames in a file": (
            VideoJob(source, out, save_every=1, frames_dir=source),
            OutputError,
            "cannot make the folder",
        ),
    }


@pytest.mark.parametrize(
    "kind",
    ["same", "linked", "alpha is the output", "ending", "alpha's ending", "half a wish",
     "no interval", "no source", "no folder", "no alpha folder", "frames in a file"],
)  # fmt: skip
def test_an_impossible_job_is_one_line_before_any_work(tmp_path: Path, kind: str) -> None:
    path = clip(tmp_path / "in.mp4", 2)
    data = path.read_bytes()
    job, error, reason = refused(tmp_path)[kind]

    def never(picture: Image) -> tuple[Image, Alpha]:
        raise AssertionError

    with pytest.raises(error, match=reason) as caught:
        blur_video(job, never)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == data
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.mp4", "link.mp4"]


def test_existing_files_are_replaced_only_with_overwrite(tmp_path: Path) -> None:
    path = clip(tmp_path / "in.mp4", 8)
    folder = tmp_path / "frames"
    files = {
        "out.mp4": VideoJob(path, tmp_path / "out.mp4"),
        "alpha.mkv": VideoJob(path, tmp_path / "new.mp4", alpha=tmp_path / "alpha.mkv"),
        "frames/frame_000100.png": VideoJob(
            path, tmp_path / "new.mp4", save_every=4, frames_dir=folder
        ),
    }
    folder.mkdir()
    for name, job in files.items():
        (tmp_path / name).write_text("older")
        with pytest.raises(
            UsageError, match=r"exists already: .*--overwrite .* replaces it"
        ) as caught:
            blur_video(job, as_is)
        assert name in str(caught.value)
        assert (tmp_path / name).read_text() == "older"
        assert not (tmp_path / "new.mp4").exists()
        blur_video(replace(job, overwrite=True), as_is)
        assert len(stamps(job.target)) == 8
        (tmp_path / "new.mp4").unlink(missing_ok=True)
