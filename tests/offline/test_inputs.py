from __future__ import annotations

from pathlib import Path

import pytest

from bgblur.errors import UsageError
from bgblur.media.reader import VideoReader
from bgblur.offline.inputs import expand_folders, video_jobs
from bgblur.offline.video import VideoJob

OPTIONS = VideoJob(Path(), Path(), overwrite=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "more.mp4").mkdir(parents=True)
    for name in ("b.MP4", "a.avi", "c.m4v", "notes.txt", ".hidden.mp4"):
        (folder / name).touch()
    return folder


def test_two_files_are_an_input_and_an_output() -> None:
    (job,) = video_jobs([Path("a.mp4"), Path("b.mkv")], None, OPTIONS)
    assert (job.source, job.target, job.overwrite) == (Path("a.mp4"), Path("b.mkv"), True)


def test_a_folders_videos_each_get_a_name_that_can_be_written(folder: Path) -> None:
    jobs = video_jobs([folder, Path("x.webm")], Path("out"), OPTIONS)
    assert [(job.source.name, job.target) for job in jobs] == [
        ("a.avi", Path("out/a.mkv")),
        ("b.MP4", Path("out/b.MP4")),
        ("c.m4v", Path("out/c.mp4")),
        ("x.webm", Path("out/x.webm")),
    ]


def test_one_input_of_an_out_dir_may_have_its_alpha() -> None:
    (job,) = video_jobs(
        [Path("a.mp4")], Path("out"), VideoJob(Path(), Path(), alpha=Path("alpha.mkv"))
    )
    assert (job.target, job.alpha) == (Path("out/a.mp4"), Path("alpha.mkv"))


@pytest.mark.parametrize("count", [1, 3])
def test_without_an_out_dir_there_are_two(count: int) -> None:
    with pytest.raises(UsageError, match=r"IN and OUT, or .* --out-dir"):
        video_jobs([Path("a.mp4")] * count, None, OPTIONS)


def test_impossible_outputs_are_one_line(folder: Path, tmp_path: Path) -> None:
    alpha = VideoJob(Path(), Path(), alpha=Path("alpha.mkv"))
    empty = tmp_path / "empty"
    empty.mkdir()
    for paths, out_dir, options, reason in (
        ([folder, Path("out.mp4")], None, OPTIONS, "is a folder: give --out-dir"),
        ([empty], Path("out"), OPTIONS, "there is no video in the folder"),
        ([folder], folder, OPTIONS, "would overwrite an input"),
        ([Path("x/a.mp4"), Path("y/a.mp4")], Path("out"), OPTIONS, "would both become"),
        ([Path("a.ts"), Path("a.avi")], Path("out"), OPTIONS, "would both become"),
        ([folder], Path("out"), alpha, "for one input"),
    ):
        with pytest.raises(UsageError, match=reason) as caught:
            video_jobs(paths, out_dir, options)
        assert "\n" not in str(caught.value)


def test_files_are_taken_as_they_are_given(folder: Path) -> None:
    assert expand_folders([folder / "notes.txt"], {".mp4"}, "video") == [folder / "notes.txt"]


@pytest.mark.parametrize("out_dir", [None, Path("out")])
def test_an_unusable_name_is_one_line(out_dir: Path | None) -> None:
    given = [Path("a" * 300 + ".mp4")] + ([Path("b.mp4")] if out_dir is None else [])
    with pytest.raises(UsageError, match=r"cannot use a+.*: File name too long"):
        video_jobs(given, out_dir, VideoJob(Path(), Path()))
    with pytest.raises(UsageError, match=r"cannot use a+.*: File name too long"):
        VideoReader(given[0])
