"""Every option of ``video`` reaches the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bgblur.cli import app
from bgblur.offline import videos
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
