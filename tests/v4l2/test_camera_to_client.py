"""Camera -> bgblur-cam -> virtual camera -> ffmpeg."""

from __future__ import annotations

import numpy as np
import pytest
from support.v4l2.clients import Watcher, rate
from support.v4l2.daemons import (
    BARS,
    CHECKERS,
    HEIGHT,
    WIDTH,
    announced,
    set_pattern,
    start_daemon,
    status,
)
from support.v4l2.guest import OUTPUT, Guest

COUNT = 60


@pytest.fixture(autouse=True)
def camera(guest: Guest, loopback: str) -> None:
    guest.load_cameras()


def test_size_rate_and_colours(guest: Guest) -> None:
    set_pattern(guest, BARS)
    truth = _rgb_from_the_camera(guest)
    target = guest.exchange / "frames.yuv"
    with announced(guest, start_daemon(guest)):
        read = guest.run(
            *("ffmpeg", "-hide_banner", "-f", "v4l2", "-i", OUTPUT, "-frames:v", f"{COUNT}"),
            *("-fps_mode", "passthrough", "-f", "rawvideo", "-y", target),
        ).check()
        form = guest.run("v4l2-ctl", "-d", "/dev/video0", "--get-fmt-video").check().out
        with Watcher(guest) as watcher:
            watcher.wait_for("frames", lambda _: True, COUNT)
            frames = watcher.frames()
    assert "'NV12'" in form, "uncompressed, with the least bandwidth"
    assert f"yuv420p, {WIDTH}x{HEIGHT}" in read.err
    print(f"{rate(frames):.1f} frames a second")
    assert rate(frames) >= 10, "emulated; the camera gives 30"

    pictures = np.fromfile(target, np.uint8).reshape(COUNT, HEIGHT * 3 // 2, WIDTH)
    picture = _rgb_of_i420(pictures[-1])
    # Half the colour resolution blends neighbours where two bars meet.
    edges = np.abs(np.diff(truth.astype(int), axis=1)).max((0, 2)) > 0
    near_edge = np.convolve(np.concatenate([[False], edges]), np.ones(7), "same") > 0
    difference = np.abs(picture - truth)[:, ~near_edge]
    assert difference.shape[1] > WIDTH / 2
    assert difference.max() <= 6


def test_a_real_model_publishes_nothing_raw(guest: Guest) -> None:
    """Under emulation it takes seconds per frame: the whole picture stays blurred."""
    set_pattern(guest, CHECKERS)
    with announced(guest, start_daemon(guest, strength=60, tiny=False)), Watcher(guest) as watcher:

        def inferred() -> bool:
            run = status(guest)
            return run is not None and "inference" in run["stages_ms"]

        guest.within(400, inferred, "the model finds people")
        seen = len(watcher.frames())
        watcher.wait_for("frames go on", lambda _: True, seen + 20)
        frames = watcher.frames()
    assert rate(frames) >= 5, "emulated: the model alone wants more than there is"
    assert max(frame.contrast for frame in frames) < 40, "the checkers' own is 110"
    assert any(frame.luma > 90 for frame in frames), "the camera's picture, blurred"


def _rgb_from_the_camera(guest: Guest) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Vivid's picture in RGB, before any colour matrix."""
    target = guest.exchange / "truth.rgb"
    guest.run(
        *("v4l2-ctl", "-d", "/dev/video0", "--stream-mmap", "--stream-count=1"),
        f"--set-fmt-video=width={WIDTH},height={HEIGHT},pixelformat=RGB3",
        f"--stream-to={target}",
    ).check()
    return np.fromfile(target, np.uint8).reshape(HEIGHT, WIDTH, 3)


def _rgb_of_i420(
    planes: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """ITU-R BT.601, limited range, as the standard writes it."""
    chroma = planes[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2).repeat(2, 1).repeat(2, 2)
    luma = (planes[:HEIGHT].astype(float) - 16) / 219
    cb, cr = (chroma.astype(float) - 128) / 224
    red = luma + 1.402 * cr
    blue = luma + 1.772 * cb
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    return np.clip(np.stack([red, green, blue], 2) * 255, 0, 255)
