"""``--output talk.mp4`` and ``output.device = "talk.mp4"``: nothing recorded is written over."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from support.media.video_files import frames_of
from support.notify_listener import Listener

from bgblur.config.file import load, set_value
from bgblur.daemon.daemon import Daemon
from bgblur.errors import UsageError

OPTIONS = ["--device", "demo", "--width", "320", "--height", "180", "--mode", "color"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def written(config: Path, device: str | Path) -> Path:
    config.write_text(
        '[camera]\ndevice = "demo"\nwidth = 320\nheight = 180\n[background]\nmode = "color"\n'
        f'[output]\ndevice = "{device}"\n'
    )
    return config


@contextmanager
def running(daemon: Daemon) -> Iterator[None]:
    stop = threading.Event()
    ended: list[BaseException] = []

    def run() -> None:
        try:
            daemon.run(stop)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=run, name="daemon")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    assert not ended, ended


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def opened_since(daemon: Daemon, opened: str) -> bool:
    return daemon.pipeline.sink_names not in (opened, "nowhere")


def more_pictures(daemon: Daemon, count: int = 15) -> None:
    begun = daemon._stats.published
    until(lambda: daemon._stats.published >= begun + count)


def test_there_and_back_the_first_part_is_still_there(config: Path) -> None:
    """The parts come one after the other: a second file, another device, the first file again."""
    folder = config.parent
    talk, other = folder / "talk.mp4", folder / "other.mkv"
    said: list[str] = []
    daemon = Daemon(load(written(config, talk)), config, {}, said.append)
    with running(daemon):
        for device in (other, talk, other, talk):
            more_pictures(daemon)
            opened = daemon.pipeline.sink_names
            set_value(config, "output.device", str(device))
            until(partial(opened_since, daemon, opened))
        more_pictures(daemon)
    names = ["talk.mp4", "other.mkv", "talk-2.mp4", "other-2.mkv", "talk-3.mp4"]
    assert {path.name for path in folder.iterdir()} == {*names, "config.toml"}
    for name in names:
        assert frames_of(folder / name) >= 14, name
    stays = "exists already and stays: this recording is"
    assert [line for line in said if stays in line] == [
        f"talk.mp4 {stays} talk-2.mp4",
        f"other.mkv {stays} other-2.mkv",
        f"talk.mp4 {stays} talk-3.mp4",
    ]


def test_a_change_to_a_file_that_exists_leaves_it_alone(config: Path) -> None:
    lecture = config.parent / "lecture.mp4"
    lecture.write_text("older")
    said: list[str] = []
    daemon = Daemon(load(written(config, config.parent / "a.mkv")), config, {}, said.append)
    with running(daemon):
        more_pictures(daemon)
        daemon.live.change("output.device", str(lecture))  # as the page does
        until(lambda: daemon.pipeline.sink_names == "video file lecture-2.mp4")
        more_pictures(daemon)
    assert lecture.read_text() == "older"
    assert frames_of(config.parent / "lecture-2.mp4") >= 14
    assert "lecture.mp4 exists already and stays: this recording is lecture-2.mp4" in said


def test_of_two_starts_with_one_configuration_each_has_its_recording(config: Path) -> None:
    """As with a service: its next start must not fail because of the one before."""
    talk = config.parent / "talk.mp4"
    for _ in range(2):
        daemon = Daemon(load(written(config, talk)), config, {}, lambda _: None)
        with running(daemon):
            more_pictures(daemon)
    assert frames_of(talk) >= 14
    assert frames_of(config.parent / "talk-2.mp4") >= 14


def test_a_named_recording_is_refused_once_and_goes_on_with_a_number(config: Path) -> None:
    talk = config.parent / "talk.mp4"
    talk.write_text("older")
    written(config, "web")
    with pytest.raises(UsageError, match=r"talk\.mp4 exists already"):
        Daemon(load(config), config, {"output.device": str(talk)}, print, "refuse").run(
            threading.Event()
        )
    assert talk.read_text() == "older"
    daemon = Daemon(load(config), config, {"output.device": str(talk)}, print, "replace")
    with running(daemon):
        more_pictures(daemon)
        daemon.pipeline.replace_sinks({"again": daemon._sink_opener(str(talk))})
        until(lambda: daemon.pipeline.sink_names == "video file talk-2.mp4")
        more_pictures(daemon)
    assert frames_of(talk) >= 14, "its own first part was not replaced"
    assert frames_of(config.parent / "talk-2.mp4") >= 14


def bgblur(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bgblur", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_line_refuses_in_the_words_of_video(tmp_path: Path) -> None:
    talk = tmp_path / "talk.mp4"
    talk.write_text("older")
    refused = bgblur(*OPTIONS, "--output", str(talk))
    line = f"bgblur-cam: {talk} exists already: choose another name; --overwrite"
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [f"{line} (overwrite=True) replaces it"]
    assert talk.read_text() == "older"
    done = bgblur(*OPTIONS, "--output", str(talk), "--overwrite", "--duration", "1")
    assert done.returncode == 0, done.stderr
    assert frames_of(talk) >= 1
    assert [path.name for path in tmp_path.iterdir()] == ["talk.mp4"]


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_the_next_login_of_a_service_does_not_fail(tmp_path: Path) -> None:
    """``service install -- --output talk.mp4`` types the option once for every start."""
    talk = tmp_path / "talk.mp4"
    talk.write_text("older")
    with Listener(str(tmp_path / "notify")) as systemd:
        done = bgblur(*OPTIONS, "--output", str(talk), "--duration", "1", **systemd.environment)
    assert done.returncode == 0, done.stderr
    assert talk.read_text() == "older"
    assert frames_of(tmp_path / "talk-2.mp4") >= 1
