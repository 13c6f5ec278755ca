"""The governor across networks: which it settles on, waits for and leaves, by a set time."""

from __future__ import annotations

import pytest

from bgblur.segmentation.governor import Governor, Readiness
from bgblur.segmentation.ladder import Ladder, Rung, read_table

HEIGHTS = range(96, 289, 32)


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
