"""Every option of ``video`` and ``image`` reaches the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bgblur.cli import app
from bgblur.offline import images, piped_video, videos
from bgblur.offline.images import ImageReport
from bgblur.offline.video import VideoJob

PLAIN: dict[str, Any] = {
    "alpha": None,
    "save_every": None,
    "frames_dir": None,
    "overwrite": False,
    "keep_interlaced": False,
    "sdr": False,
    "cutout": False,
}


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("", {}),
        ("--save composite", {}),
        ("--save cutout", {"cutout": True}),
        ("--alpha m.mkv", {"alpha": Path("m.mkv")}),
        ("--save-every 3 --frames-dir d", {"save_every": 3, "frames_dir": Path("d")}),
        ("--overwrite", {"overwrite": True}),
        ("--keep-interlaced", {"keep_interlaced": True}),
        ("--sdr", {"sdr": True}),
    ],
)
def test_an_option_reaches_the_job(
    words: str, changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[VideoJob] = []
    monkeypatch.setattr(videos, "blur_one", lambda job, *_: jobs.append(job))
    done = CliRunner().invoke(app, ["video", "in.mp4", "out.mov", *words.split()])
    assert done.exit_code == 0, done.output
    assert jobs == [VideoJob(Path("in.mp4"), Path("out.mov"), **PLAIN | changed)]


@pytest.mark.parametrize(("words", "kind"), [("", None), ("--format y4m", "y4m")])
def test_pipes_get_their_format(
    words: str, kind: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(piped_video, "standard_pipes", lambda *names: asked.append(names))
    monkeypatch.setattr(videos, "blur_one", lambda *_: None)
    done = CliRunner().invoke(app, ["video", "-", *words.split()])
    assert done.exit_code == 0, done.output
    assert asked == [(Path("-"), Path("-"), kind)]


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("", {}),
        ("--save cutout,mask", {"save": {"cutout", "mask"}}),
        ("--format webp", {"kind": "webp"}),
        ("--overwrite", {"overwrite": True}),
        ("--explain", {"explained": True}),
    ],
)
def test_an_option_reaches_the_pictures(
    words: str, changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []

    def called(paths: Any, out_dir: Path, save: Any, _: Any, **more: Any) -> ImageReport:
        explained = more.pop("probability") is not None
        calls.append({"paths": paths, "out": out_dir, "save": save, "explained": explained, **more})
        return ImageReport()

    monkeypatch.setattr(images, "blur_images", called)
    done = CliRunner().invoke(app, ["image", "a.jpg", "--out-dir", "out", *words.split()])
    assert done.exit_code == 0, done.output
    plain = {"save": {"composite"}, "explained": False, "overwrite": False, "kind": "png"}
    assert calls == [{"paths": [Path("a.jpg")], "out": Path("out")} | plain | changed]
