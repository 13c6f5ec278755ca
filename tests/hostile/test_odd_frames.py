"""Cameras that give anything: the right picture, or a refusal and the card, and never the room."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzzing import one_line_at_most, tries
from support.pipeline_parts import (
    HEIGHT,
    SHARP,
    WIDTH,
    RecordingSink,
    SquareEngine,
    backend_of,
    picture,
    publisher_on,
)
from support.rig import Rig, leaks, running

from bgblur.compositing.look import Look, sigma_of
from bgblur.errors import CameraError
from bgblur.frame import Frame, Image, is_image
from bgblur.pipeline.capture import _sound
from bgblur.pipeline.mailbox import Segmented
from bgblur.pipeline.state import Problems
from bgblur.segmentation.options import MaskOptions

DTYPES = ["uint8", "int8", "uint16", "float32", "float64", "bool", "complex64", "object"]


def stripes(height: int, width: int) -> Image:
    """A room with detail of two pixels, and a white person in its middle."""
    columns = np.where(np.arange(width) // 2 % 2 == 0, 40, 200).astype(np.uint8)
    image = np.repeat(np.tile(columns, (height, 1))[..., None], 3, axis=2)
    image[height // 3 : height // 2, width // 3 : width // 2] = 255
    return image


@st.composite
def arrays(draw: st.DrawFn) -> Any:
    """What a driver may hand over: any size, form, type, order in memory."""
    shape = draw(st.tuples(st.integers(0, 70), st.integers(0, 70)))
    whole = stripes(*shape)
    channels = draw(st.sampled_from([3, 3, 3, 3, 0, 1, 2, 4]))
    if channels == 0:
        image: Any = whole[..., 0]
    else:
        image = np.concatenate([whole, whole], axis=2)[..., :channels]
    layout = draw(st.sampled_from(["C", "F", "turned", "every other", "one row", "slice"]))
    if layout == "F":
        image = np.asfortranarray(image)
    elif layout == "turned":
        image = image[::-1, ::-1]
    elif layout == "every other":
        image = np.repeat(image, 2, axis=1)[:, ::2]
    elif layout == "one row" and len(image):
        image = np.broadcast_to(image[:1], image.shape)
    elif layout == "slice":
        image = np.pad(image, [(3, 5), (7, 1), (0, 0)][: image.ndim])[3:-5, 7:-1]
    dtype = draw(st.sampled_from(["uint8"] * 6 + DTYPES))
    if dtype != "uint8":
        image = image.astype(dtype)
    if draw(st.booleans()):
        image.setflags(write=False)
    return image


LOOKS = st.builds(
    Look,
    mode=st.sampled_from(["blur", "color"]),
    strength=st.integers(40, 100),
    mirror=st.booleans(),
)
MASKS = st.builds(MaskOptions, st.booleans(), st.floats(0, 1, width=32), st.floats(0, 1, width=32))


def detail(image: Image) -> float:
    """Mean step from one column to the next but one."""
    grey = image[..., 0].astype(np.float32)
    return float(np.abs(grey[:, 2:] - grey[:, :-2]).mean())


def published(image: Any, look: Look, mask: MaskOptions, size: tuple[int, int]) -> list[Image]:
    """The whole way of one frame, without the threads. Raises CameraError for a refused one."""
    frame = _sound(Frame(image, 0))
    backend = backend_of(SquareEngine())
    try:
        found = Segmented(frame, *backend.segment(frame.image, mask), backend.compositor)
    except RuntimeError:  # too wide for a network: blurred whole
        found = None
    sink = RecordingSink()
    problems = Problems()
    publisher, outputs = publisher_on(sink, problems, look)
    outputs.open(*size, 30.0)
    publisher.show(found, frame)
    publisher.show(None, frame)  # its alpha came too late
    assert problems.now() == {}
    return [image for _, image in sink.published]


@tries(150)
@given(arrays(), LOOKS, MASKS, st.none() | st.tuples(st.integers(16, 80), st.integers(16, 80)))
def test_any_array(image: Any, look: Look, mask: MaskOptions, size: tuple[int, int] | None) -> None:
    fits = is_image(image)
    with one_line_at_most():
        try:
            pictures = published(image, look, mask, size or (*image.shape[1::-1], 9, 9)[:2])
        except CameraError:
            assert not fits
            raise
        assert fits
        assert len(pictures) == 2
        for shown in pictures:
            assert shown.dtype == np.uint8
            assert shown.ndim == 3
            assert shown.shape[0] % 2 == shown.shape[1] % 2 == 0
            # A blur is a share of the height: less than the stripes' own width hides no stripes.
            hides = look.mode == "color" or sigma_of(look.strength, len(image)) > 1.5
            if size is None and hides and min(image.shape[:2]) >= 32:
                assert detail(shown) < 0.3 * detail(np.ascontiguousarray(image))


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (1, 300), (300, 1), (3, 5), (17, 31)])
def test_tiny_and_thin(size: tuple[int, int]) -> None:
    for look in (Look(), Look(mode="color"), Look(mode="none"), Look(mirror=True)):
        for refine in (False, True):
            pictures = published(stripes(*size), look, MaskOptions(refine_edges=refine), (64, 48))
            assert all(shown.shape == (48, 64, 3) for shown in pictures)


@pytest.mark.parametrize("what", [None, [[1]], b"\0" * 27, 7, "picture"])
def test_input_that_is_not_an_array(what: Any) -> None:
    with pytest.raises(CameraError, match="instead of colour pictures"):
        _sound(Frame(what, 0))


ODD: list[Any] = [
    None,
    picture(0)[..., 0],
    picture(0).astype(np.float32),
    picture(0)[:0],
    picture(0)[..., :2],
    np.concatenate([picture(0), picture(0)], axis=2)[..., :4],
    picture(0)[::-1, ::-1],
    np.asfortranarray(picture(0)),
    picture(0)[: HEIGHT // 2 * 2 - 1, : WIDTH - 1],
    picture(0)[:1, :1],
    np.frombuffer(picture(0).tobytes(), np.uint8).reshape(HEIGHT, WIDTH, 3),
]


def test_a_camera_with_odd_frames_that_recovers() -> None:
    """In the running pipeline: always fed, nothing leaks, and it works again afterwards."""
    rig = Rig(look=Look(strength=100))
    sane = rig.source.read
    frames = iter(ODD)
    mad = [True]

    def read() -> Frame:
        time.sleep(0.005)
        image: Any = next(frames, mad) if mad[0] else mad
        if image is mad:
            mad[0] = False
            return sane()
        return Frame(image, 0)

    with running(rig):
        rig.wait_state("blurring")
        rig.source.read = read  # type: ignore[method-assign]
        rig.wait(lambda: not mad[0], 40)
        count = rig.pipeline.stats.published
        rig.wait(lambda: rig.pipeline.stats.published > count + 30)
        rig.wait_state("blurring")
        assert rig.pipeline.problems.now() == {}
    shown = [image for _, image in rig.sink.published if image.shape == (HEIGHT, WIDTH, 3)]
    assert len(shown) == len(rig.sink.published)
    assert leaks(shown) == []


def test_a_raw_room_would_be_seen() -> None:
    """The measure above would see a raw room."""
    raw = stripes(48, 64)
    assert detail(raw) > 50
    assert leaks([picture(3)]) != []
    shown = published(raw, Look(mode="none"), SHARP, (64, 48))
    assert detail(shown[0]) > 0.9 * detail(raw)
