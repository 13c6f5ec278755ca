"""Off, on, and a stronger look: what is shown when the user changes it."""

from __future__ import annotations

import threading
import time
from functools import partial

import numpy as np
import pytest
from support.pipeline_parts import HEIGHT, WIDTH, picture
from support.rig import Rig, leaks, running

from bgblur.compositing.card import card
from bgblur.compositing.look import Look
from bgblur.pipeline.words import ENDED_CARD


def test_off_shows_the_raw_frame_and_on_hides_it_at_once() -> None:
    with running(Rig(look=Look(strength=0))) as rig:
        rig.wait_state("off")
        raw = rig.sink.since(0)[-1]
        assert any(np.array_equal(raw, picture(i)) for i in range(rig.source.index + 1))
        assert rig.engine.calls == 0  # nothing is inferred while raw frames are shown
        blocked = threading.Event()
        rig.engine.behave = lambda alpha: (blocked.wait(20), alpha)[1]
        rig.pipeline.look = Look(strength=60)
        count = len(rig.sink.published)
        time.sleep(0.5)
        rig.wait(lambda: len(rig.sink.after_order(count)) > 2)
        assert not leaks(rig.sink.after_order(count))
        blocked.set()
        rig.wait_state("blurring")
        assert not leaks(rig.sink.after_order(count))


@pytest.mark.parametrize("wanted", [Look(strength=100), Look(mode="color")])
@pytest.mark.parametrize("weak", [0, 1, 4])
def test_a_weak_picture_is_not_repeated_once_more_is_wanted(
    weak: int, wanted: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a model that hangs, the last picture stood for up to 0.9 s.

    Every strength hides, so the weak ones are made to show the room here: what is repeated depends
    on the strength, not on what is seen."""
    monkeypatch.setattr(
        "bgblur.compositing.look.sigma_of", lambda strength, rows: 5e-4 * strength * rows
    )
    with running(Rig(look=Look(strength=weak))) as rig:
        rig.wait_state("blurring" if weak else "off")
        rig.wait(lambda: len(rig.sink.published) > 3)
        assert leaks(rig.sink.since(0)), "the weak picture shows the room"
        blocked = threading.Event()
        rig.engine.behave = lambda alpha: (blocked.wait(20), alpha)[1]
        rig.pipeline.look = wanted
        count = len(rig.sink.published)
        time.sleep(0.6)
        rig.wait(lambda: len(rig.sink.after_order(count)) > 2)
        seen = rig.sink.after_order(count)
        blocked.set()
        assert not leaks(seen)


def test_toggling_many_times_never_leaks_while_on() -> None:
    def toggled(count: int) -> bool:
        return len(rig.sink.after_order(count)) > 2

    with running(Rig()) as rig:
        rig.wait_state("blurring")
        for _ in range(10):
            rig.pipeline.look = Look(strength=0)
            rig.wait_state("off")
            rig.pipeline.look = Look(strength=60)
            count = len(rig.sink.published)
            time.sleep(0.1)
            rig.wait(partial(toggled, count))
            assert not leaks(rig.sink.after_order(count))


def test_the_last_picture_is_the_card() -> None:
    with running(Rig(look=Look(strength=0))) as rig:
        rig.wait_state("off")
    assert np.array_equal(rig.sink.since(0)[-1], card(WIDTH, HEIGHT, ENDED_CARD))
    assert rig.sink.closed == 1
    assert rig.source.closed == 1
