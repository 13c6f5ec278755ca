from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest
from support.model_files import BRIGHT_AT_ITS_HEIGHT, SHADE, write_model

from bgblur.config.settings import Settings
from bgblur.errors import ModelError
from bgblur.offline.batch import blur_all, default_workers
from bgblur.offline.video import VideoJob
from bgblur.pipeline.engines import cores

ONE_AND_TWO = [1, pytest.param(2, marks=pytest.mark.slow)]  # each process imports torch


def clip(path: Path, count: int = 20) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 64, 48
        for index in range(count):
            picture = np.full((48, 64, 3), 5 * index % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def settings(model: Path, **engine: Any) -> Settings:
    parts = {"model": str(model), "device": "cpu", "precision": "fp32", "input_height": 96}
    return Settings.model_validate({"engine": {**parts, **engine}})


@pytest.fixture
def bright(tmp_path: Path) -> Path:
    return write_model(tmp_path / "bright.ts", BRIGHT_AT_ITS_HEIGHT)


@pytest.fixture
def jobs(tmp_path: Path) -> list[VideoJob]:
    """Three good jobs and a bad one among them."""
    (tmp_path / "out").mkdir()
    names = ["a", "broken", "b", "c"]
    for name in names:
        clip(tmp_path / f"{name}.mp4")
    (tmp_path / "broken.mp4").write_text("no video")
    return [VideoJob(tmp_path / f"{n}.mp4", tmp_path / "out" / f"{n}.mp4") for n in names]


def frames(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]


@pytest.mark.parametrize("workers", ONE_AND_TWO)
def test_one_that_fails_does_not_stop_the_others(
    jobs: list[VideoJob], bright: Path, workers: int
) -> None:
    steps: dict[str, list[int]] = {}

    def note(job: VideoJob, done: int, total: int | None, fps: float) -> None:
        steps.setdefault(job.source.stem, []).append(done)

    outcomes = {o.job.source.stem: o for o in blur_all(jobs, settings(bright), workers, note)}
    assert outcomes.keys() == {"a", "broken", "b", "c"}
    assert outcomes["broken"].report is None
    assert outcomes["broken"].exit_code == 2
    assert "not a video" in outcomes["broken"].problem
    for name in ("a", "b", "c"):
        report = outcomes[name].report
        assert report is not None
        assert report.frames == 20
        assert steps[name] == list(range(1, 21))
    written = sorted(path.name for path in jobs[0].target.parent.iterdir())
    assert written == ["a.mp4", "b.mp4", "c.mp4"]
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", ONE_AND_TWO)
def test_a_video_is_independent_of_the_one_before(
    tmp_path: Path, jobs: list[VideoJob], workers: int
) -> None:
    """Else, with the strongest smoothing, a video would begin with the person of the one before."""
    model = write_model(tmp_path / "shade.ts", SHADE)
    some = settings(model).model_copy(
        update={"mask": Settings().mask.model_copy(update={"smoothing": 1.0})}
    )
    twice = [
        VideoJob(jobs[0].source, tmp_path / f"{n}.mp4", alpha=tmp_path / f"{n}.mkv")
        for n in range(3)
    ]
    list(blur_all(twice, some, workers))
    mattes = [frames(job.alpha) for job in twice if job.alpha]
    assert len(mattes[0]) == 20
    assert mattes[0] == mattes[1] == mattes[2]


@pytest.mark.parametrize("workers", ONE_AND_TWO)
def test_a_model_that_cannot_be_loaded_is_reported_once(
    tmp_path: Path, jobs: list[VideoJob], workers: int
) -> None:
    with pytest.raises(ModelError, match="there is no model file"):
        list(blur_all(jobs, settings(tmp_path / "none.ts"), workers))
    assert not multiprocessing.active_children()
    assert list(jobs[0].target.parent.iterdir()) == []


def workers_of_mine() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_a_process_that_is_killed_costs_one_file(tmp_path: Path, bright: Path) -> None:
    long = clip(tmp_path / "long.mp4", 2000)
    jobs = [VideoJob(long, tmp_path / f"out{n}.mkv") for n in range(3)]
    killed: list[int] = []

    def kill_one(job: VideoJob, done: int, total: int | None, fps: float) -> None:
        if job.target.name == "out0.mkv" and not killed:
            killed.append(multiprocessing.active_children()[0].pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    outcomes = list(blur_all(jobs, settings(bright), 2, kill_one))
    failed = [o for o in outcomes if o.report is None]
    assert len(outcomes) == 3
    (lost,) = failed
    assert "signal 9" in lost.problem
    assert "--jobs 1" in lost.problem
    assert {path.name for path in tmp_path.iterdir() if path.suffix == ".mkv"} == {
        o.job.target.name for o in outcomes if o is not lost
    }
    assert all(o.job.target.exists() for o in outcomes if o is not lost)


@pytest.mark.parametrize("workers", ONE_AND_TWO)
def test_stopping_midway_leaves_no_file_and_no_process(
    tmp_path: Path, bright: Path, workers: int
) -> None:
    long = clip(tmp_path / "long.mp4", 3000)
    out = tmp_path / "out"
    out.mkdir()
    jobs = [VideoJob(long, out / f"{n}.mkv") for n in range(3)]

    def stop(job: VideoJob, done: int, total: int | None, fps: float) -> None:
        if done >= 30:
            raise KeyboardInterrupt

    def all_of_it() -> None:
        with closing(blur_all(jobs, settings(bright), workers, stop)) as outcomes:
            list(outcomes)

    with pytest.raises(KeyboardInterrupt):
        all_of_it()
    assert list(out.iterdir()) == []
    assert not multiprocessing.active_children()
    assert not workers_of_mine()


def test_default_number_of_workers(bright: Path) -> None:
    assert cores() >= 1
    assert default_workers(settings(bright), 1) == 1
    many = default_workers(settings(bright), 1000)
    assert 1 <= many <= max(1, cores() // 2)
    assert default_workers(settings(bright), 2) <= 2
