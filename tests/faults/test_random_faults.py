"""Faults and orders in random combination, on the real pipeline.

Takes a minute by default; with BGBLUR_FAULT_MINUTES=60 about an hour, and each run is different.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import time
import weakref
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support.faults.camera import SIZES, Camera
from support.faults.choices import FRAMINGS, HIDING, MASKS, PACES, RAW, RESTS, SECONDS
from support.faults.fairness import Heartbeat, no_descriptor_stays
from support.faults.full_disk import write_on_a_full_disk
from support.faults.model import RUNGS, Model, Pace
from support.faults.output import Output
from support.faults.rig import FaultRig, impatient, tried
from support.faults.tally import TALLY

from bgblur.compositing.look import Look
from bgblur.pipeline.state import Rest
from bgblur.segmentation.options import MaskOptions

MINUTES = float(os.environ.get("BGBLUR_FAULT_MINUTES", "0"))
STEPS = 20 if MINUTES else 8
EXAMPLES = max(1, round(MINUTES * 60 / 7)) if MINUTES else 12  # one takes about seven seconds
GROWTH = 40 * 2**20  # bytes: caches, and an allocator that has served more and more threads

memory: list[int] = []  # resident bytes after each example
still: list[bool] = []  # not empty once somebody has rested long enough


class AnyFaults(RuleBasedStateMachine):
    """After every step: no raw frame, ten pictures a second, no superfluous thread."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._stack.enter_context(no_descriptor_stays())
        self._stack.enter_context(impatient())
        self._heart = self._stack.enter_context(Heartbeat())
        self._folder = Path(self._stack.enter_context(TemporaryDirectory()))
        self._clock = time.time
        self._framings = cycle(FRAMINGS)
        self._rig: Any = None
        self._outputs = 0

    @initialize(
        look=st.one_of(HIDING, st.sampled_from(RAW)),
        mask=st.sampled_from(MASKS),
        pixel_format=st.sampled_from(["bgr", "i420"]),
        broken=st.sampled_from([None, *Camera.RAISES, *Model.FAULTS]),
        rest=st.sampled_from([None, None, *Rest]),
        pace=PACES,
        rests=st.sampled_from(RESTS),
        several=st.booleans(),
    )
    def start(
        self,
        look: Look,
        mask: MaskOptions,
        pixel_format: Any,
        broken: Any,
        rest: Any,
        pace: Pace,
        rests: int,
        several: bool,
    ) -> None:
        self._rig = FaultRig(self._heart, look, mask, pixel_format, pace, several)
        self._rig.camera.rests = rests
        part = self._rig.camera if broken in Camera.RAISES else self._rig.model
        if broken not in (*Model.LOADS, "unplugged", "driver error"):  # these make the start fail
            part.switch.set(broken)
            tried()
        if rest:
            self._rig.rest(rest)
        self._rig.start()
        self._rig.watch(0.2)

    @rule(fault=st.sampled_from([*Camera.FAULTS, None]))
    def camera(self, fault: str | None) -> None:
        self._break(self._rig.camera, fault)

    @rule(fault=st.sampled_from([*Model.FAULTS, None]))
    def model(self, fault: str | None) -> None:
        self._break(self._rig.model, fault)

    @rule(fault=st.sampled_from([*Output.FAULTS, None, None]))
    def output(self, fault: str | None) -> None:
        self._break(self._rig.output, fault)

    @precondition(lambda self: self._rig.second is not None)
    @rule(fault=st.sampled_from([*Output.FAULTS, None]))
    def second_output(self, fault: str | None) -> None:
        self._break(self._rig.second, fault)

    @rule(fault=st.sampled_from([*Output.FAULTS, None]), shown=st.booleans())
    def preview(self, fault: str | None, shown: bool) -> None:
        preview = self._rig.preview
        self._rig.pipeline.replace_preview(preview.open_preview if shown else None)
        self._break(preview, fault)

    @rule(rests=st.sampled_from(RESTS))
    def the_person_rests_or_moves(self, rests: int) -> None:
        self._rig.camera.rests = rests
        self._order(lambda: None)

    @rule(seconds=st.sampled_from(SECONDS))
    def another_program_takes_or_frees_the_processor(self, seconds: float) -> None:
        self._rig.model.pace = replace(self._rig.model.pace, seconds=seconds)
        self._order(lambda: None)

    @rule(pace=PACES)
    def another_engine(self, pace: Pace) -> None:
        """By the user's choice: input height, skip_static."""
        self._rig.model.pace = pace
        self._order(self._rig.reload)

    @rule(look=HIDING)
    def hide(self, look: Look) -> None:
        self._order(lambda: self._rig.show(look))

    @rule(look=st.sampled_from(RAW), again=HIDING)
    def show_and_hide(self, look: Look, again: Look) -> None:
        self._order(lambda: self._rig.show(look))
        self._order(lambda: self._rig.show(again))

    @rule(mask=st.sampled_from(MASKS))
    def mask(self, mask: MaskOptions) -> None:
        self._frame()
        self._order(lambda: setattr(self._rig.pipeline, "mask", mask))

    @rule(reasons=st.lists(st.sampled_from([None, *Rest]), min_size=1, max_size=5))
    def clients_come_and_go(self, reasons: list[Any]) -> None:
        for reason in reasons:
            self._rig.rest(reason)
        self._order(lambda: None)

    @rule(size=st.sampled_from(SIZES), asked_for=st.booleans())
    def resize(self, size: tuple[int, int], asked_for: bool) -> None:
        """By the user's choice, or because the camera was plugged in again with another size."""
        rig = self._rig
        if asked_for:
            self._order(lambda: rig.use_camera(Camera(size)))
        else:
            rig.camera.size = size
            self._break(rig.camera, "unplugged")
            self._break(rig.camera, None)

    @rule()
    def reload(self) -> None:
        self._frame()
        self._order(self._rig.reload)

    @rule()
    def other_output(self) -> None:
        self._frame()
        self._outputs += 1  # each has a name of its own
        sinks = self._rig.sinks(str(self._outputs))
        self._order(lambda: self._rig.pipeline.replace_sinks(sinks))

    @rule(seconds=st.sampled_from([-86400.0, -3.0, 3.0, 3600.0]))
    def clock_jumps(self, seconds: float) -> None:
        clock = self._clock
        time.time = lambda: clock() + seconds
        self._order(lambda: None)

    @rule()
    def disk_full(self) -> None:
        self._order(lambda: write_on_a_full_disk(self._folder / "config.toml"))

    @rule()
    def recover(self) -> None:
        if self._rig.pipeline.fatal is None:
            self._rig.recover()
            self._rig.watch(0.2)

    @rule()
    def stop_and_start(self) -> None:
        old = self._rig
        old.stop()
        old.ended()
        self._rig = FaultRig(
            self._heart,
            old.pipeline.look,
            old.pipeline.mask,
            pace=old.model.pace,
            several=old.second is not None,
        )
        self._rig.camera.rests = old.camera.rests
        self._rig.start()
        self._order(lambda: None)

    def teardown(self) -> None:
        try:
            if self._rig is not None:
                if not still and self._rig.pipeline.fatal is None:
                    self._be_still()
                self._rig.stop()
                self._rig.ended()
                pipeline, self._rig = weakref.ref(self._rig.pipeline), None
                gc.collect()
                assert pipeline() is None, "a pipeline stays alive after its end"
        finally:
            time.time = self._clock
            self._stack.close()
        memory.append(_resident())

    def _be_still(self) -> None:
        """Once in each run for certain: the person rests, and alphas are held."""
        rig = self._rig
        rig.rest(None)
        rig.model.pace = Pace()
        rig.show(Look())
        rig.reload()
        rig.recover()
        rig.camera.rests = 10_000
        rig.wait(lambda: any(effort.held for effort in rig.model.efforts))
        still.append(True)

    def _break(self, part: Any, fault: str | None) -> None:
        part.switch.set(fault)
        tried()
        self._rig.watch(0.2)

    def _frame(self) -> None:
        pipeline = self._rig.pipeline
        pipeline.geometry, pipeline.canvas, pipeline.follow = next(self._framings)

    def _order(self, order: Any) -> None:
        order()
        tried()
        self._rig.watch(0.2)


def _resident() -> int:
    """Bytes in use. What glibc keeps of ended threads for later ones is given back first."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
    return psutil.Process().memory_info().rss


@pytest.mark.slow
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_no_combination_of_faults_shows_the_room_or_starves_the_output() -> None:
    memory.clear()
    still.clear()
    faults, held, heights = TALLY.faults, TALLY.held, TALLY.heights.copy()
    run_state_machine_as_test(
        AnyFaults,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=not MINUTES,
            phases=[Phase.generate],  # the steps are printed; shrinking would take hours
            suppress_health_check=list(HealthCheck),
        ),
    )
    grown = "resident memory after each example, MiB: " + " ".join(str(m >> 20) for m in memory)
    print(grown)
    assert len(memory) >= EXAMPLES
    # What the daemon does in its daily work was done here too.
    assert TALLY.faults - faults > 5 * EXAMPLES
    assert TALLY.held - held > 0
    assert len(TALLY.heights - heights) > len(RUNGS) / 2
    assert memory[-1] - memory[len(memory) // 2] < GROWTH, grown
