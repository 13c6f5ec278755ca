"""``--quality``: a network that shows which quality ran, through every door."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.model_files import write_model
from support.scenes import portrait

import bgblur
from bgblur.commands import files as commands
from bgblur.config.keywords import Options
from bgblur.config.settings import Settings
from bgblur.media.reader import VideoReader
from bgblur.offline.processor import Processor
from bgblur.segmentation.quality import FOR_PHOTOS, FOR_RECORDINGS, QUALITIES

pytest_plugins = ["support.api_fixtures"]

# The person is upper left, so the mean with the mirrored view has nobody for certain there. At the
# height that is "fast" on a processor there is somebody below, too, on both sides.
TELLING = """
        rows = input_height
        alpha = torch.zeros([rows, int(rows * image.size(1) / image.size(0))])
        alpha[: rows // 3, : alpha.size(1) // 3] = 1
        if rows == 160:
            alpha[2 * rows // 3 :] = 1
        return alpha
"""
UPPER, LOWER = (20, 30), (170, 160)  # (row, column) of 320x180


@pytest.fixture
def telling(tmp_path: Path) -> str:
    return str(write_model(tmp_path / "telling.ts", TELLING))


def ran(alpha: Any) -> str:
    """Which quality made ``alpha``."""
    upper, lower = (alpha[at] > 0.5 * alpha.max() > 0 for at in (UPPER, LOWER))
    if upper:
        return "fast" if lower else "balanced"
    return "mirrored at 160" if lower else "best"


def settings(model: str, **engine: Any) -> Settings:
    return Settings.model_validate({"engine": {"model": model, "device": "cpu", **engine}})


@pytest.mark.parametrize("quality", QUALITIES)
def test_a_picture_in_each_quality(telling: str, quality: Any) -> None:
    process = Processor(settings(telling), stills=True, quality=quality)
    assert ran(process(portrait(320, 180))[1]) == quality


def test_what_the_user_sets_wins(telling: str) -> None:
    for quality, shown in (("balanced", "fast"), ("best", "mirrored at 160")):
        own = settings(telling, input_height=160)
        process = Processor(own, stills=True, quality=quality)  # type: ignore[arg-type]
        assert ran(process(portrait(320, 180))[1]) == shown


@pytest.mark.parametrize("quality", [None, *QUALITIES])
def test_in_python(files: Path, telling: str, quality: Any) -> None:
    options: Options = {"model": telling, "device": "cpu"}
    if quality is not None:
        options["quality"] = quality
    assert ran(bgblur.blur_image("portrait.png", **options)[1]) == (quality or FOR_PHOTOS)
    bgblur.blur_video("clip.mp4", "out.mp4", alpha="alpha.mkv", **options)
    matte = next(iter(VideoReader(files / "alpha.mkv")))[0]
    assert ran(matte[..., 0].astype(np.float32)) == (quality or FOR_RECORDINGS)
    for live in (False, True):
        with bgblur.Blurrer(live=live, **options) as blur:
            assert ran(blur(portrait(320, 180))[1]) == (quality or "fast")


def test_a_bad_name_is_one_line(files: Path) -> None:
    wrong: Any = "superb"
    for call in (
        lambda: bgblur.blur_image("portrait.png", quality=wrong),
        lambda: bgblur.blur_video("clip.mp4", "out.mp4", quality=wrong),
        lambda: bgblur.Blurrer(quality=wrong),
    ):
        with pytest.raises(bgblur.UsageError, match="'superb': choose fast, balanced, best"):
            call()
    assert not (files / "out.mp4").exists()


def test_the_commands_have_the_defaults_of_the_api() -> None:
    for command, default in ((commands.image, FOR_PHOTOS), (commands.video, FOR_RECORDINGS)):
        assert inspect.signature(command).parameters["quality"].default == default


@pytest.mark.slow
def test_on_the_command_line(files: Path, telling: str) -> None:
    (files / "own.toml").write_text(f'[engine]\nmodel = "{telling}"\ndevice = "cpu"\n')

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        call = [sys.executable, "-m", "bgblur", *arguments, "--config", "own.toml", "--overwrite"]
        return subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)

    for more, expected in ((), "best"), (("--quality", "fast"), "fast"):
        assert (
            run("image", "portrait.png", "--out-dir", "o", "--save", "alpha", *more).returncode == 0
        )
        alpha = cv2.imread("o/portrait_alpha.png", cv2.IMREAD_GRAYSCALE)
        assert alpha is not None
        assert ran(alpha.astype(np.float32)) == expected
    for more, expected in ((), "balanced"), (("--quality", "best"), "best"):
        assert run("video", "clip.mp4", "o/a.mp4", "--alpha", "o/a.mkv", *more).returncode == 0
        matte = next(iter(VideoReader(files / "o/a.mkv")))[0]
        assert ran(matte[..., 0].astype(np.float32)) == expected
    for command in (["image", "portrait.png", "--out-dir", "o"], ["video", "clip.mp4", "o/b.mp4"]):
        done = run(*command, "--quality", "superb")
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
        assert "superb" in done.stderr
        assert "balanced" in done.stderr


@pytest.mark.slow
def test_workers_run_the_quality_that_was_asked_for(files: Path, telling: str) -> None:
    from bgblur.offline.batch import blur_all
    from bgblur.offline.video import VideoJob

    jobs = [VideoJob(files / "clip.mp4", files / f"{n}.mp4", files / f"{n}.mkv") for n in range(2)]
    for workers, quality in ((1, "balanced"), (2, "best")):
        for job in jobs:
            job.target.unlink(missing_ok=True)
            assert job.alpha is not None
            job.alpha.unlink(missing_ok=True)
        outcomes = list(blur_all(jobs, settings(telling), workers, None, quality))  # type: ignore[arg-type]
        assert [outcome.problem for outcome in outcomes] == ["", ""]
        for job in jobs:
            assert job.alpha is not None
            matte = next(iter(VideoReader(job.alpha)))[0]
            assert ran(matte[..., 0].astype(np.float32)) == quality
