"""A daemon with several real outputs at once: the preview page and recordings."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import httpx
import numpy as np
import pytest
from support.media.video_files import frames_of

from bgblur.config.file import load
from bgblur.config.overrides import output_values
from bgblur.daemon.daemon import Daemon
from bgblur.frame import Image

SETTINGS = """[camera]
device = "demo"
width = 160
height = 90
fps = 15
[background]
mode = "color"
color = "#00b140"
[output]
devices = {}
"""
GREEN = 64, 177, 0  # BGR


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def write(config: Path, *outputs: str | Path) -> None:
    config.write_text(SETTINGS.format([str(output) for output in outputs]))


def on_the_page(url: str) -> Image:
    """The picture that a browser gets."""
    data = b""
    address = url.replace("/?", "/stream?")
    with httpx.stream("GET", address, trust_env=False, timeout=60) as answer:
        for part in answer.iter_bytes():
            data += part
            begin, end = data.find(b"\xff\xd8"), data.find(b"\xff\xd9")
            if 0 <= begin < end:
                found = cv2.imdecode(np.frombuffer(data[begin : end + 2], np.uint8), 1)
                return np.asarray(found, np.uint8)
    raise AssertionError("the stream has ended")


def in_the_file(path: Path) -> Image:
    """The newest picture but one: the card is the last."""
    with av.open(str(path)) as file:
        frames = [frame.to_ndarray(format="bgr24") for frame in file.decode(video=0)]
        return np.asarray(frames[-5], np.uint8)


def is_green(picture: Image) -> bool:
    corner = picture[:12, :12].reshape(-1, 3).mean(axis=0)
    return bool(np.abs(corner - GREEN).max() < 12)


def test_page_and_recordings_are_fed_at_once_and_the_list_changes_live(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    first, second = tmp_path / "first.mkv", tmp_path / "second.mkv"
    missing = tmp_path / "nowhere" / "third.mkv"
    write(config, "web", first, missing)
    said: list[str] = []
    daemon = Daemon(load(config), config, {}, said.append)
    stop = threading.Event()
    thread = threading.Thread(target=daemon.run, args=(stop,))
    thread.start()
    try:
        until(lambda: daemon.pipeline.stats.frames > 15)
        status = daemon.status()
        assert status["output"] == f"web, {first}, {missing}"
        assert [each["name"] for each in status["outputs"]] == [
            "preview page",
            "video file first.mkv",
            None,
        ]
        url = status["preview"]
        assert url
        assert is_green(on_the_page(url))
        until(lambda: [line for line in said if "third.mkv" in line])
        (arrow,) = [line for line in said if " -> " in line]
        assert arrow.endswith("video file first.mkv")
        assert "nowhere" in status["problem"]

        write(config, "web", second)
        until(lambda: "output: video file second.mkv" in said)
        until(lambda: len(daemon.pipeline.outputs) == 2 and not daemon._problems())
        begun = daemon.pipeline.stats.frames
        until(lambda: daemon.pipeline.stats.frames > begun + 15)
        assert daemon.status()["preview"] == url, "what stays is not opened again"
        assert is_green(on_the_page(url))
        assert frames_of(first) >= 15, "it is completed while the others go on"
    finally:
        stop.set()
        thread.join(90)
    assert is_green(in_the_file(first))
    assert is_green(in_the_file(second))
    assert not any("working again" in line for line in said)


@pytest.mark.parametrize("problem", ["exists", "all missing"])
def test_a_start_that_must_fail_is_one_line(tmp_path: Path, problem: str) -> None:
    config = tmp_path / "config.toml"
    write(config, "web")
    first, second = tmp_path / "first.mkv", tmp_path / "nowhere" / "second.mkv"
    if problem == "exists":
        first.write_text("older")
        options = output_values(["web", str(first)])
    else:
        options = output_values([str(second), str(tmp_path / "nowhere" / "third.mkv")])
    daemon = Daemon(load(config), config, options, lambda _: None, "refuse")
    with pytest.raises(Exception, match="exists already" if problem == "exists" else "second"):
        daemon.run(threading.Event())
    assert problem != "exists" or first.read_text() == "older"
