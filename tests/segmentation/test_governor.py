"""The governor, driven with a time of the test's own; and with an engine of a set speed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgblur.frame import Alpha, Image
from bgblur.segmentation.climber import Climber
from bgblur.segmentation.governor import Governor, Readiness
from bgblur.segmentation.ladder import Ladder, Rung, read_table
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


# ------------------------------------------------------------ across networks

LITE = [Rung("lite", height, height**2 / 160**2, height / 1000) for height in HEIGHTS]
FULL = [Rung("full", height, 2 * height**2 / 160**2, height / 1000 + 0.1) for height in HEIGHTS]
BOTH = Ladder([*LITE, *FULL])
FIXED = 0.008  # seconds of a frame beside the inference


class Machine:
    """A stream on ``ladder``: a unit of a rung's cost takes ``unit`` seconds, that of a network
    times its ``truth``. A network in ``loads`` takes as many seconds until it is ready."""

    def __init__(self, unit: float, ladder: Ladder = BOTH, **truth: float) -> None:
        self.unit, self.truth = unit, truth
        self.loads: dict[str, float] = {}
        self.broken: set[str] = set()
        self.asked: dict[str, float] = {}
        self.now = 0.0
        self.frames = 0
        self.late = 0
        self.changes: list[tuple[float, Rung]] = []
        self.governor = Governor(ladder, ladder.start(), lambda: 30.0, 0.9, self.ready)

    def ready(self, rung: Rung) -> Readiness:
        asked = self.asked.setdefault(rung.model, self.now)
        if self.now < asked + self.loads.get(rung.model, 0.0):
            return "loading"
        return "failed" if rung.model in self.broken else "ready"

    def seconds(self, rung: Rung) -> float:
        return FIXED + self.unit * rung.cost * self.truth.get(rung.model, 1.0)

    def run(self, seconds: float) -> None:
        governor, end = self.governor, self.now + seconds
        while self.now < end:
            before, began = governor.rung, self.now
            took = self.seconds(before)
            self.now += took
            governor.note(began, self.now, "inferred", took - FIXED)
            self.frames += 1
            if governor.rung != before:
                self.changes.append((self.now, governor.rung))
            self.now = max(self.now, began + 1 / 30)

    def best(self, ladder: Ladder = BOTH, share: float = 0.9) -> Rung:
        """The most accurate rung that takes no more than ``share`` of the budget."""
        within = [r for r in ladder.rungs if self.seconds(r) <= share * 0.9 / 30]
        return max(within or ladder.rungs[:1], key=lambda rung: rung.accuracy)


@pytest.mark.parametrize("unit", [0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.040, 0.100])
def test_it_settles_on_the_most_accurate_rung_that_holds_the_rate(unit: float) -> None:
    machine = Machine(unit)
    machine.run(60)
    assert machine.governor.rung == machine.best()
    settled = len(machine.changes)
    machine.run(120)
    assert len(machine.changes) == settled
    assert settled <= 4


@pytest.mark.parametrize("slower", [0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0])
def test_it_settles_on_the_most_accurate_rung_of_the_shipped_table(slower: float) -> None:
    """On a machine that takes ``slower`` times what the table's took."""
    ladder = Ladder(read_table())
    machine = Machine(0.001 * slower, ladder)
    machine.run(90)
    there = machine.governor.rung
    print(slower, there, f"{1000 * machine.seconds(there):.0f} ms")
    assert there.accuracy >= machine.best(ladder).accuracy
    assert machine.seconds(there) <= 0.9 / 30 or there == ladder.rungs[0]


@pytest.mark.parametrize("dear", [0.4, 0.6, 1.7, 3.0])
@pytest.mark.parametrize("unit", [0.004, 0.006, 0.009])
def test_a_network_that_costs_other_than_the_table_says(unit: float, dear: float) -> None:
    """Once it was tried its true cost is known: it is neither avoided nor tried in vain again."""
    machine = Machine(unit, full=dear)
    machine.run(300)
    tried = {rung.model for _, rung in machine.changes}
    rung = machine.governor.rung
    assert rung.accuracy >= machine.best().accuracy or "full" not in tried
    settled = len(machine.changes)
    machine.run(600)
    assert len(machine.changes) - settled <= 2
    assert machine.seconds(machine.governor.rung) <= 0.9 / 30


def test_the_best_rung_is_found_below_a_network_that_is_dearer_than_the_table_says() -> None:
    """By the table the other network would fit: without its true cost it would be tried again and
    again, with a rung below the best in between."""
    lite = [Rung("lite", 96, 1.0, 0.1), Rung("lite", 160, 2.0, 0.3), Rung("lite", 224, 3.0, 0.5)]
    machine = Machine(0.005, Ladder([*lite, Rung("full", 160, 3.5, 0.6)]), full=2.0)
    machine.run(60)
    assert "full" in {rung.model for _, rung in machine.changes}
    assert machine.governor.rung == lite[-1]
    settled = len(machine.changes)
    machine.run(600)
    assert len(machine.changes) == settled


def test_a_network_that_was_dear_for_a_while_gets_another_chance() -> None:
    lite = [Rung("lite", 96, 1.0, 0.1), Rung("lite", 160, 2.0, 0.3)]
    full = Rung("full", 160, 3.0, 0.6)
    machine = Machine(0.005, Ladder([*lite, full]), full=2.0)
    machine.run(60)
    assert machine.governor.rung == lite[-1]
    machine.truth["full"] = 1.0  # another program had begun with the step, and has ended
    machine.run(1000)
    assert machine.governor.rung == full


def test_a_network_is_waited_for_on_the_rung_before() -> None:
    machine = Machine(0.004)
    machine.loads["full"] = 4.0
    machine.run(60)
    at = next(at for at, rung in machine.changes if rung.model == "full")
    assert at >= machine.asked["full"] + 4.0
    assert machine.governor.rung == machine.best()


def test_a_network_that_never_gets_ready_leaves_the_rest_of_the_ladder() -> None:
    """A load that hangs holds neither the climb on the other network nor a step down."""
    machine = Machine(0.004)
    machine.loads["full"] = 1e9
    machine.run(120)
    assert machine.governor.rung.model == "lite"
    machine.unit = 0.040
    machine.run(20)
    assert machine.governor.rung == BOTH.rungs[0]


def test_a_network_that_cannot_be_loaded_takes_its_rungs_with_it() -> None:
    machine = Machine(0.004)
    machine.broken.add("full")
    machine.run(60)
    assert machine.governor.rung == machine.best(Ladder(LITE))
    assert machine.asked.keys() == {"lite", "full"}
    asked = machine.now
    machine.run(60)
    assert machine.asked["full"] < asked


def test_a_network_that_is_dropped_is_left_at_once() -> None:
    machine = Machine(0.012)
    machine.run(60)
    there = machine.governor.rung
    assert there.model == "full"
    assert there.cost < LITE[-1].cost
    machine.governor.drop("full", {"lite"})
    assert machine.governor.rung.model == "lite"
    assert machine.governor.rung.cost <= there.cost
    machine.run(60)
    assert machine.governor.rung == machine.best(Ladder(LITE))


def test_loading_that_slows_the_stream_is_no_overload() -> None:
    machine = Machine(0.004)
    machine.loads["full"] = 3.0
    normal = machine.unit
    while "full" not in machine.asked:
        machine.run(0.1)
    before = machine.governor.rung
    machine.unit = 4 * normal
    machine.run(2.8)
    assert machine.governor.rung == before
    machine.unit = normal
    machine.run(2)
    assert machine.governor.rung.model == "full"
