"""A pause that shows the last picture, wholly blurred; and, wherever it may not, the card."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest
from support.faults.camera import scene
from support.faults.watermark import LEAK, watermark_seen
from support.pipeline_parts import HEIGHT, WIDTH, true_alpha
from support.rig import Rig, leaks, running
from support.showing import Showing

from bgblur.compositing.card import card
from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.frame import Image
from bgblur.pipeline.mailbox import Segmented
from bgblur.pipeline.state import Part, Rest, State
from bgblur.pipeline.words import CARDS


def is_card(shown: list[Image], state: State = State.PAUSED) -> bool:
    return bool(shown) and all(np.array_equal(p, card(WIDTH, HEIGHT, CARDS[state])) for p in shown)


def watermarked(showing: Showing) -> Segmented:
    image = scene(3, WIDTH, HEIGHT)
    frame = replace(showing.frame(), image=image)
    return Segmented(frame, image, true_alpha(image), showing.compositor)


def ready(look: Look) -> Showing:
    """A publisher that a pause has not reached yet."""
    showing = Showing(look)
    showing.in_force.pause_shows = "blurred"
    return showing


def test_an_enlarged_raw_picture_is_blurred_as_the_whole_would_be() -> None:
    """A blur of its own size would leave more of the room than the weakest leaves of the whole."""
    showing = ready(Look(mode="none"))
    small = watermarked(showing).frame.image[45:90, 80:160]
    image = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    frame = replace(showing.frame(), image=image, zoom=4.0)
    last, *_ = showing.show(Segmented(frame, image, None, showing.compositor))
    showing.in_force.rest = Rest.PAUSED
    for picture in showing.show(None):
        assert np.array_equal(picture, CpuCompositor().obscure(last, Look(zoom=4.0)))


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("strength", [0, 1, 60, 100])
def test_the_last_picture_stays_wholly_blurred(strength: int, mirror: bool) -> None:
    showing = ready(Look(strength=strength, mirror=mirror))
    last, *_ = showing.show(watermarked(showing))
    assert (watermark_seen(last) > LEAK) is (strength == 0)
    showing.in_force.rest = Rest.PAUSED
    for newer in (None, showing.item(9), None):
        shown = showing.show(newer, newer.frame if newer else None)
        assert len(shown) == 2, "the output and the preview"
        for picture in shown:
            assert watermark_seen(picture) < LEAK / 2
            assert np.array_equal(picture, CpuCompositor().obscure(last, Look()))
            assert np.abs(np.diff(picture.astype(int), axis=1)).max() < 10, "the person too"
    assert showing.publisher.state is State.PAUSED
    assert showing.publisher.before() is showing.publisher.matte() is None
    showing.in_force.rest = None
    assert is_card(showing.show(None), State.STARTING), "it ends with the pause"


def test_it_is_made_from_planes_too() -> None:
    showing = ready(Look(strength=0))
    showing.sink.pixel_format = "i420"
    showing.outputs._preview.replace(None)
    (last,) = showing.show(watermarked(showing))
    showing.in_force.rest = Rest.PAUSED
    (picture,) = showing.show(None)
    assert picture.shape == last.shape == (HEIGHT * 3 // 2, WIDTH)
    assert watermark_seen(cv2.cvtColor(last, cv2.COLOR_YUV2BGR_I420)) > LEAK
    assert watermark_seen(cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420)) < LEAK / 2
    assert picture.std() > 3, "no card"


def test_a_pause_that_begins_while_a_picture_is_made_shows_that_one() -> None:
    showing = ready(Look(strength=0))
    showing.compositor.order = lambda: setattr(showing.in_force, "rest", Rest.PAUSED)
    assert showing.show(watermarked(showing)) == []
    shown = showing.show(None)
    assert shown
    assert not is_card(shown)
    assert watermark_seen(shown[0]) < LEAK / 2


def another_camera(showing: Showing) -> None:
    showing.in_force.another_camera()


def a_plain_background(showing: Showing) -> None:
    showing.in_force.look = Look(mode="color")


def a_card(showing: Showing) -> None:
    showing.in_force.pause_shows = "card"


@pytest.mark.parametrize("seen_before", [False, True])
@pytest.mark.parametrize("choice", [another_camera, a_plain_background, a_card])
def test_what_the_user_chooses_in_the_pause_counts_at_once(
    choice: Callable[[Showing], None], seen_before: bool
) -> None:
    showing = ready(Look())
    showing.show(watermarked(showing))
    showing.in_force.rest = Rest.PAUSED
    if seen_before:
        assert not is_card(showing.show(None))
    choice(showing)
    assert is_card(showing.show(None))
    if choice is a_card:
        showing.in_force.pause_shows = "blurred"
        assert is_card(showing.show(None)), "it was not kept"


def test_without_a_last_picture_there_is_a_card() -> None:
    showing = ready(Look())
    showing.in_force.rest = Rest.PAUSED
    assert is_card(showing.show(None, showing.frame()))
    showing = ready(Look())
    showing.show(watermarked(showing))
    showing.in_force.rest = Rest.IDLE
    assert is_card(showing.show(None), State.IDLE)
    showing.in_force.rest = Rest.PAUSED
    assert is_card(showing.show(None)), "nobody watched when the pause began"


def test_a_picture_that_cannot_be_blurred_is_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    showing = ready(Look())
    showing.show(watermarked(showing))

    def fail(*_: object) -> Image:
        raise MemoryError

    monkeypatch.setattr(showing.publisher._still._compositor, "obscure", fail)
    showing.in_force.rest = Rest.PAUSED
    assert is_card(showing.show(None))
    assert Part.PICTURE in showing.problems


def three_since(rig: Rig, began: float) -> bool:
    return len(rig.sink.since(began)) >= 3


def test_the_running_pipeline_freezes_and_goes_on() -> None:
    with running(Rig(look=Look(strength=0))) as rig:
        rig.pipeline.pause_shows = "blurred"
        for _ in range(3):  # a pause may begin at any moment of a frame
            rig.wait_state("off")
            rig.pipeline.rest(Rest.PAUSED)
            rig.wait_state("paused")
            began = time.monotonic()
            rig.wait(partial(three_since, rig, began))
            still = rig.sink.since(began)
            assert not leaks(still)
            assert not is_card(still)
            assert all(np.array_equal(picture, still[0]) for picture in still)
            assert rig.source.closed > 0
            rig.pipeline.rest(None)
