"""The governor on the heights of one network, with a time of the test's own; and with an engine of
a set speed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgblur.frame import Alpha, Image
from bgblur.segmentation.climber import Climber
from bgblur.segmentation.governor import Governor
from bgblur.segmentation.ladder import Ladder
from bgblur.segmentation.live import LiveMatting
from bgblur.segmentation.networks import Networks
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats

HEIGHTS = range(96, 289, 32)
LADDER = Ladder.of_heights("own", HEIGHTS)
AT_160 = LADDER.rungs[2]
SHARP = MaskOptions(refine_edges=False, smoothing=0.0)


class Stream:
    """A camera of ``fps`` before a governor; ``cost(height, now)`` seconds is one inference."""

    def __init__(self, cost: Callable[[int, float], float], fps: float = 30.0) -> None:
        self.cost, self.fps = cost, fps
        self.governor = Governor(LADDER, AT_160, lambda: 30.0, 0.9)
        self.now = 0.0
        self.frames = 0
        self.changes: list[tuple[float, int]] = []

    def run(self, seconds: float) -> None:
        governor, end = self.governor, self.now + seconds
        while self.now < end:
            before, began = governor.rung.height, self.now
            self.now += self.cost(governor.rung.height, self.now)
            governor.note(began, self.now, "inferred")
            self.frames += 1
            if governor.rung.height != before:
                self.changes.append((self.now, governor.rung.height))
            if self.now * self.fps < np.ceil(began * self.fps) + 1:  # waits for the next frame
                self.now = (np.floor(began * self.fps + 1e-6) + 1) / self.fps


def per_pixel(at_160: float, fixed: float = 0.004) -> Callable[[int, float], float]:
    return lambda height, now: fixed + at_160 * (height / 160) ** 2


@pytest.mark.parametrize(
    ("at_160", "height"),
    [(0.004, 288), (0.014, 192), (0.022, 160), (0.032, 128), (0.060, 96), (0.110, 96), (0.300, 96)],
)
def test_settles_at_the_largest_height_that_keeps_the_rate(at_160: float, height: int) -> None:
    stream = Stream(per_pixel(at_160))
    stream.run(30)
    assert stream.governor.rung.height == height
    settled = len(stream.changes)
    frames = stream.frames
    stream.run(60)
    assert len(stream.changes) == settled
    # A machine too slow for the lowest rung shows as many frames as it can infer.
    assert stream.frames - frames >= min(60 * 29, 59 / per_pixel(at_160)(height, 0.0))


def test_steps_down_within_two_seconds_and_comes_back() -> None:
    load = 1.0
    cost = per_pixel(0.012)
    stream = Stream(lambda height, now: load * cost(height, now))
    stream.run(20)
    top = stream.governor.rung.height
    load, loaded_at = 5.0, stream.now
    stream.run(20)
    assert stream.governor.rung.height < top
    assert stream.changes[-1][0] - loaded_at < 6
    first = next(at for at, _ in stream.changes if at > loaded_at)
    assert first - loaded_at < 2.5
    load = 30.0
    stream.run(20)
    assert stream.governor.rung.height == 96
    load = 1.0
    stream.run(60)
    assert stream.governor.rung.height == top


def test_a_single_slow_frame_changes_nothing() -> None:
    cost = per_pixel(0.020)
    stream = Stream(lambda height, now: 0.4 if int(now * 4) % 40 == 0 else cost(height, now))
    stream.run(120)
    assert not stream.changes


def test_a_height_that_failed_is_tried_less_and_less_often() -> None:
    """128 would fit by its pixels, and does not."""
    stream = Stream(lambda height, now: 0.012 if height == 96 else 0.05)
    stream.run(600)
    raised = [at for at, height in stream.changes if height > 96]
    assert 3 <= len(raised) <= 8
    assert sum(at < 60 for at in raised) <= 3
    assert raised[-1] - raised[-2] > 100


def test_a_slow_camera_allows_a_larger_height() -> None:
    quick, slow = Stream(per_pixel(0.020)), Stream(per_pixel(0.020), fps=15)
    quick.run(40)
    slow.run(40)
    assert slow.governor.rung.height > quick.governor.rung.height


def test_a_pause_is_not_measured() -> None:
    stream = Stream(per_pixel(0.022))
    stream.run(10)
    for _ in range(20):
        stream.now += 30
        stream.run(0.4)
    assert not stream.changes


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.002, 0.2),
    st.floats(0.0, 0.35),
    st.integers(0, 2**32 - 1),
    st.sampled_from([15.0, 25.0, 30.0, 60.0]),
)
def test_noise_in_the_times_causes_no_oscillation(
    at_160: float, noise: float, seed: int, fps: float
) -> None:
    random = np.random.default_rng(seed)
    cost = per_pixel(at_160)
    stream = Stream(
        lambda height, now: cost(height, now) * float(np.exp(random.normal(0, noise))), fps
    )
    stream.run(30)
    settled = len(stream.changes)
    assert settled <= 6
    stream.run(60)
    assert len(stream.changes) - settled <= 4
    assert stream.governor.rung in LADDER.rungs


# ------------------------------------------------------------ an engine of a set speed


class Paced:
    """Sees what is bright; an inference takes as long as the test says, on its own clock."""

    device, precision = "cpu", "fp32"

    def __init__(self, at_160: float) -> None:
        self.at_160 = at_160
        self.input_height = 160
        self.now = 0.0
        self.heights: list[int] = []

    def upload(self, image: Image) -> Image:
        return image

    def infer(self, pixels: Image) -> Alpha:
        self.now += self.at_160 * (self.input_height / 160) ** 2
        self.heights.append(self.input_height)
        shape = (self.input_height, self.input_height * pixels.shape[1] // pixels.shape[0])
        return np.zeros(shape, np.float32)


def test_live_matting_follows_the_governor() -> None:
    engine = Paced(0.010)
    networks = Networks(engine, AT_160, lambda _: engine, lambda: engine.now)
    climber = Climber(networks, Governor(LADDER, AT_160, lambda: 30.0, 0.9, networks.ready))
    matting = LiveMatting(networks, Stats(), climber, True, lambda: engine.now)
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (5, 9, 16, 3), dtype=np.uint8)  # nothing is ever still

    indices = count()

    def watch(seconds: float) -> None:
        until = engine.now + seconds
        while engine.now < until:
            began = engine.now
            matting(pictures[next(indices) % 5], SHARP)
            engine.now = max(engine.now, began + 1 / 30)

    watch(10)
    assert matting.effort.height == engine.input_height == 256
    engine.at_160 = 0.2
    watch(10)
    assert matting.effort.height == 96
    engine.at_160 = 0.010
    watch(30)
    assert matting.effort.height == 256
    assert (matting.effort.held, matting.effort.inferred) == (0, len(engine.heights))
