from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from support.hand_clock import Clock

from bgblur.stats import Stats


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bgblur.stats.time", clock)
    return clock


def test_percentiles_of_each_stage() -> None:
    stats = Stats()
    for milliseconds in range(1, 101):
        stats.add("blur", milliseconds)
    stats.add("edges", 7)
    stages: Any = stats.snapshot()["stages_ms"]
    assert stages["blur"] == {"p50": 50.5, "p95": pytest.approx(95.05)}
    assert stages["edges"] == {"p50": 7, "p95": 7}


def test_a_stage_is_timed_even_when_it_fails(clock: Clock) -> None:
    stats = Stats()

    def fail() -> None:
        with stats.stage("inference"):
            clock.sleep(0.02)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    stages: Any = stats.snapshot()["stages_ms"]
    assert stages["inference"]["p50"] == 20


def test_a_stage_inside_another_counts_once(clock: Clock) -> None:
    stats = Stats()
    for _ in range(3):
        with stats.stage("blur"):
            clock.sleep(0.02)
            for _ in range(2):
                with stats.stage("download"):
                    clock.sleep(0.05)
    stages: Any = stats.snapshot()["stages_ms"]
    assert stages["download"]["p50"] == 50
    assert stages["blur"]["p50"] == 20  # of 120 in all


def test_work_that_a_gpu_finishes_late_counts_for_its_own_stage(clock: Clock) -> None:
    def settle() -> bool:  # a GPU that still computes
        clock.sleep(0.03)
        return True

    stats = Stats(settle)
    with stats.stage("inference"):
        pass
    stages: Any = stats.snapshot()["stages_ms"]
    assert stages["inference"]["p50"] == 30  # without the work from before


@pytest.mark.parametrize(("gpu", "measured"), [(False, 33), (True, 3)])
def test_few_runs_are_measured_where_measuring_waits(gpu: bool, measured: int) -> None:
    asked = []

    def settle() -> bool:
        asked.append(gpu)
        return gpu

    stats = Stats(settle)
    for _ in range(33):
        with stats.stage("edges"):
            pass
    assert len(stats._stages["edges"]) == measured
    assert len(asked) == 2 * measured


def test_only_the_newest_values_count() -> None:
    stats = Stats()
    for _ in range(300):
        stats.add("blur", 1000)
    for _ in range(300):
        stats.add("blur", 1)
    stages: Any = stats.snapshot()["stages_ms"]
    assert stages["blur"]["p95"] == 1


def test_rate_and_latency(clock: Clock) -> None:
    stats = Stats()
    assert stats.fps() == 0
    before = clock.now
    for _ in range(11):
        stats.frame_done(clock.now - 0.05)
        clock.sleep(0.02)
    assert stats.fps() == pytest.approx(50)
    snapshot: Any = stats.snapshot()
    assert snapshot["frames"] == 11
    assert snapshot["latency_ms"]["p50"] == 50
    assert stats.first_frame == before


def test_the_rate_is_0_once_frames_stop(clock: Clock) -> None:
    stats = Stats()
    for _ in range(3):
        stats.frame_done(clock.now)
        clock.sleep(0.02)
    assert stats.fps() == pytest.approx(50)
    clock.sleep(3)
    assert stats.fps() == 0


def test_restart_forgets_all_but_the_first_frame() -> None:
    stats = Stats()
    stats.frame_done(time.monotonic())
    stats.add("blur", 1)
    stats.obscured = 4
    first = stats.first_frame
    stats.restart()
    assert stats.snapshot() == {**Stats().snapshot(), "dropped": stats.dropped}
    assert stats.first_frame == first


def test_snapshot_is_json_from_the_first_moment() -> None:
    snapshot = Stats().snapshot()
    assert json.loads(json.dumps(snapshot)) == snapshot
    assert snapshot["latency_ms"] == {"p50": 0, "p95": 0}


def test_writing_and_reading_at_the_same_time() -> None:
    stats = Stats()

    def write(name: str) -> None:
        for number in range(500):
            stats.add(f"{name} {number}", number)

    writers = [threading.Thread(target=write, args=[name]) for name in "abcd"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        stats.snapshot()
    stages: Any = stats.snapshot()["stages_ms"]
    assert len(stages) == 2000


@pytest.mark.parametrize(
    ("latencies", "bar", "counts"),
    [
        ([], 1, []),
        ([0.5] * 3, 1, [3, *(0,) * 19]),
        ([*range(1, 101)], 10, [9, *(10,) * 9, 1, *(0,) * 9]),  # their 95th percentile is 95
        ([20.0] * 299 + [5000.0], 2, [*(0,) * 10, 299, *(0,) * 8, 1]),  # later than the last bar
        ([700.0] * 2, 100, [*(0,) * 7, 2, *(0,) * 12]),
    ],
)
def test_bars_of_latency(latencies: list[float], bar: int, counts: list[int], clock: Clock) -> None:
    clock.now = 0.0
    stats = Stats()
    for latency in latencies:
        stats.frame_done(-latency / 1000)
    assert stats.latency_histogram() == {"bar_ms": bar, "counts": counts}
    json.dumps(stats.latency_histogram())
