"""A frame captured before another camera, a rest or a raw picture was asked for is not shown after.

Each order comes at a chosen moment of a frame's way, so that no clock decides.
"""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from support.orders import (
    BLUR,
    ORDERS,
    RAW,
    Order,
)
from support.pipeline_parts import (
    HEIGHT,
    SHARP,
    WIDTH,
    SquareEngine,
    SquareSource,
)
from support.rig import Rig, leaks, running
from support.showing import Showing

from bgblur.compositing.card import card
from bgblur.compositing.look import Look
from bgblur.frame import Alpha, Frame, Image
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.in_force import InForce, Made
from bgblur.pipeline.state import Rest, State
from bgblur.pipeline.words import CARDS

# ------------------------------------------------------------ what may be shown


@pytest.mark.parametrize("rest", Rest)
@pytest.mark.parametrize("look", [BLUR, RAW, Look(mode="color")])
def test_nothing_of_the_room_may_be_shown_in_a_rest(rest: Rest, look: Look) -> None:
    in_force = InForce(look, SHARP)
    made = Made(look, in_force.order)
    assert in_force.may_show(made)
    in_force.rest = rest
    assert not in_force.may_show(made)
    assert not in_force.may_show(Made(Look(strength=100), in_force.order))
    assert in_force.may_show(None), "a card"


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_forbids_raw_frames_from_before_it(order: Order) -> None:
    in_force = InForce(RAW, SHARP)
    before = in_force.order
    assert in_force.may_show(Made(RAW, before))
    order(in_force)
    assert not in_force.may_show(Made(RAW, before))
    assert in_force.may_show(Made(RAW, in_force.order))


def test_a_blurred_picture_from_before_a_raw_choice_may_stay() -> None:
    in_force = InForce(BLUR, SHARP)
    before = in_force.order
    in_force.look = RAW
    assert in_force.may_show(Made(BLUR, before))
    assert not in_force.may_show(Made(RAW, before))


# ------------------------------------------------------------ the thread that shows


@pytest.mark.parametrize("order", ORDERS)
def test_a_frame_from_before_an_order_is_not_shown_raw(order: Order) -> None:
    showing = Showing(RAW)
    item = showing.item()
    assert len(leaks(showing.show(item))) == 2
    order(showing.in_force)
    shown = showing.show(item, item.frame)
    assert shown
    assert not leaks(shown)
    assert len(leaks(showing.show(showing.item(2)))) == 2, "a new one is"


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("first", [BLUR, RAW])
def test_an_order_while_the_picture_is_made_counts(order: Order, first: Look) -> None:
    showing = Showing(first)
    showing.compositor.order = lambda: order(showing.in_force)
    assert not leaks(showing.show(showing.item()))
    showing.compositor.order = None
    showing.in_force.look = RAW
    assert len(leaks(showing.show(showing.item(2)))) == 2


@pytest.mark.parametrize("look", [BLUR, RAW])
def test_the_last_picture_of_a_camera_is_not_shown_as_another(look: Look) -> None:
    showing = Showing(look)
    item = showing.item()
    (first, *_) = showing.show(item)
    assert np.array_equal(showing.show(None, item.frame)[0], first), "it is repeated"
    showing.in_force.another_camera()
    starting = card(WIDTH, HEIGHT, CARDS[State.STARTING])
    assert all(np.array_equal(shown, starting) for shown in showing.show(None, item.frame))
    assert showing.publisher.before() is None
    assert showing.publisher.matte() is None


@pytest.mark.parametrize("look", [BLUR, RAW])
def test_the_repeated_picture_is_dark_once_another_camera_is_chosen(look: Look) -> None:
    showing = Showing(look)
    showing.show(showing.item())
    showing.in_force.another_camera()
    time.sleep(0.1)
    showing.outputs._all[0].repeat()
    assert np.array_equal(showing.sink.published[-1][1], card(WIDTH, HEIGHT, ""))


@pytest.mark.parametrize("change", ["blur", "pause", "camera"])
def test_the_preview_gets_no_picture_once_the_choice_has_changed(change: str) -> None:
    """The choice changes while the output takes the picture."""
    showing = Showing(RAW)
    assert len(leaks(showing.show(showing.item(1)))) == 2

    def changed() -> None:
        if change == "blur":
            showing.in_force.look = BLUR
        elif change == "pause":
            showing.in_force.rest = Rest.PAUSED
        else:
            showing.in_force.another_camera()

    publish = showing.sink.publish

    def publish_and_change(picture: Image) -> None:
        publish(picture)
        changed()

    showing.sink.publish = publish_and_change  # type: ignore[method-assign]
    seen = len(showing.preview_sink.published)
    showing.show(showing.item(2))
    assert not leaks([image for _, image in showing.preview_sink.published[seen:]])


# ------------------------------------------------------------ the whole pipeline


class Wall(SquareSource):
    """Another room, without stripes."""

    def read(self) -> Frame:
        return Frame(np.full((HEIGHT, WIDTH, 3), 120, np.uint8), super().read().index)


@pytest.mark.parametrize("delay", [0.0, 0.15])
def test_the_old_room_is_never_seen_raw_under_an_edit_meant_for_the_new(delay: float) -> None:
    """One edit: another camera, and a raw picture of it."""

    def slowly(alpha: Alpha) -> Alpha:
        time.sleep(delay)
        return alpha

    engine = SquareEngine(slowly)
    for _ in range(5):
        with running(Rig(engine)) as rig:
            rig.wait_state("blurring")
            rig.pipeline.replace_source(Wall())
            rig.pipeline.look = RAW
            rig.wait_state("off")
            time.sleep(0.1)
        assert not leaks(rig.sink.since(0))


# ------------------------------------------------------------ the user's own view


def test_the_views_end_with_the_camera() -> None:
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        rig.wait(lambda: rig.pipeline.before() is not None and rig.pipeline.matte() is not None)
        rig.source.fail.set()
        rig.wait_state("no camera")
        assert rig.pipeline.before() is None
        assert rig.pipeline.matte() is None
        assert rig.pipeline._publisher._shown is None
        rig.source.fail.clear()
        rig.wait(lambda: rig.pipeline.before() is not None)


def test_the_views_end_with_the_model() -> None:
    def broken(_: Alpha) -> Alpha:
        raise RuntimeError("broken")

    with running(Rig()) as rig:
        rig.wait_state("blurring")
        rig.wait(lambda: rig.pipeline.before() is not None)
        rig.engine.behave = broken
        rig.wait_state("no mask")
        assert rig.pipeline.before() is None
        assert rig.pipeline.matte() is None


@pytest.mark.parametrize("rest", Rest)
def test_the_views_end_with_a_rest_at_once(rest: Rest) -> None:
    showing = Showing(BLUR)
    showing.show(showing.item())
    assert showing.publisher.before() is not None
    assert showing.publisher.matte() is not None
    showing.in_force.rest = rest
    assert showing.publisher.before() is None
    assert showing.publisher.matte() is None


def test_the_views_end_though_the_thread_that_shows_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    showing = Showing(BLUR)
    showing.show(showing.item())
    assert showing.publisher.before() is not None
    now = time.monotonic()
    monkeypatch.setattr("bgblur.pipeline.publisher.time.monotonic", lambda: now + 1.1)
    assert showing.publisher.before() is None
    assert showing.publisher.matte() is None


def test_a_model_remembers_nothing_of_a_camera_that_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    forgot = threading.Event()
    monkeypatch.setattr(Backend, "reset", lambda _: forgot.set())
    rig = Rig()
    with running(rig):
        rig.wait(lambda: rig.pipeline.stats.frames > 5)
        assert not forgot.is_set()
        rig.pipeline.rest(Rest.PAUSED)
        assert forgot.wait(5)
        forgot.clear()
        assert not forgot.wait(1.5), "once is enough"
