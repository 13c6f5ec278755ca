"""A sole output that does not return from a call: edits apply without it."""

from __future__ import annotations

import time

import numpy as np
import pytest
from support.pipeline_parts import HEIGHT, WIDTH, RecordingSink
from support.rig import assert_within, leaks
from support.several_outputs import Blocking, feeding, hurried, more, problem, shows

from bgblur.compositing.card import card
from bgblur.compositing.look import Look
from bgblur.pipeline.outputs import OutputState
from bgblur.pipeline.state import Rest, State
from bgblur.pipeline.words import CARDS, ENDED_CARD

APPLIES = 0.5  # seconds


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)


@pytest.mark.parametrize("stays", [True, False])
def test_edits_apply_while_it_hangs_and_it_shows_nothing_old_later(stays: bool) -> None:
    hangs, page, other = Blocking(), RecordingSink(), RecordingSink()
    with feeding(Look(mode="none"), hangs=hangs) as rig:
        rig.pipeline.replace_preview(lambda: page)
        more(rig, page)
        hangs.stuck.set()
        try:
            rig.wait(lambda: problem(rig).startswith("hangs does not respond: choose another"))
            held = len(hangs.published)

            ordered = time.monotonic()
            rig.pipeline.look = Look("blur", 60)
            rig.wait(lambda: not leaks([page.published[-1][1]]))
            assert_within(rig, APPLIES, ordered)

            ordered = time.monotonic()
            rig.pipeline.rest(Rest.PAUSED)
            rig.wait(lambda: shows(page, CARDS[State.PAUSED]))
            assert_within(rig, APPLIES, ordered)

            if not stays:
                ordered = time.monotonic()
                rig.pipeline.replace_sinks({"other": other})
                more(rig, other, 2)
                assert_within(rig, APPLIES, ordered)
                assert rig.pipeline.outputs == [OutputState("other", "record")]
            assert len(hangs.published) == held
        finally:
            hangs.stuck.clear()
        if stays:
            more(rig, hangs, 3)
        else:
            rig.wait(lambda: hangs.closed == 1)
        rig.wait(lambda: not problem(rig))
        # The first was within the sink when the orders came.
        late = hangs.after_order(held)
        assert not leaks(late)
        words = CARDS[State.PAUSED] if stays else ENDED_CARD
        assert np.array_equal(late[-1], card(WIDTH, HEIGHT, words))
