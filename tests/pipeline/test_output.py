"""What sink and preview get of each picture, and what is repeated when, by a clock set by hand."""

from __future__ import annotations

import numpy as np
import pytest
from support.in_step import OutputsInStep
from support.pipeline_parts import HEIGHT, WIDTH, RecordingSink

from bgblur.compositing.card import card
from bgblur.compositing.look import Look
from bgblur.errors import OutputError
from bgblur.frame import Image
from bgblur.imaging.color import to_i420
from bgblur.pipeline.in_force import Made
from bgblur.pipeline.preview import Preview
from bgblur.pipeline.state import Part, Problems
from bgblur.sinks import PixelFormat
from bgblur.stats import Stats

JUST = 1e-3  # seconds
MADE = Made(Look(), 0)
PICTURE = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


class Parts:
    """An output whose sink takes ``pixel_format``, and a preview where that is wanted."""

    now = 1000.0

    def __init__(self, pixel_format: PixelFormat = "bgr", preview: bool = False) -> None:
        self.sink, self.preview_sink = RecordingSink(), RecordingSink()
        self.sink.pixel_format = pixel_format
        self.problems, self.stats = Problems(), Stats()
        self.preview = Preview(self.problems)
        self.allowed = True
        self.outputs = OutputsInStep(
            {"": self.sink},
            self.preview,
            self.problems,
            self.stats,
            lambda made: made is None or self.allowed,
        )
        self.outputs.open(WIDTH, HEIGHT, 30.0)
        if preview:
            self.preview.replace(lambda: self.preview_sink)
            assert self.outputs.ready()
        (self.output,) = self.outputs._all
        self.keeper = self.output.keeper

    def monotonic(self) -> float:
        return self.now

    def repeated(self) -> tuple[list[Image], float]:
        """What ``repeat`` shows, and the seconds until it wants to be called again."""
        before = len(self.sink.published)
        wait = self.output.repeat()
        return [picture for _, picture in self.sink.published[before:]], wait


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    parts = Parts()
    monkeypatch.setattr("bgblur.pipeline.output.time", parts)
    return parts


# ------------------------------------------------------------ each picture


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("pixel_format", ["bgr", "i420"])
def test_each_output_gets_the_picture_in_its_own_format(
    pixel_format: PixelFormat, preview: bool
) -> None:
    parts = Parts(pixel_format, preview)
    assert parts.outputs.wants_i420 is (pixel_format == "i420" and not preview)
    for given in (PICTURE, to_i420(PICTURE)):
        assert parts.outputs.feed(given, MADE)
    for _, shown in parts.sink.published:
        expected = to_i420(PICTURE) if pixel_format == "i420" else PICTURE
        assert shown.shape == expected.shape
    first = parts.sink.published[0][1]
    assert np.array_equal(first, to_i420(PICTURE) if pixel_format == "i420" else PICTURE)
    if parts.outputs.wants_i420:
        assert np.array_equal(parts.sink.published[1][1], first), "it is not converted again"
    assert [shown.shape for _, shown in parts.preview_sink.published] == [PICTURE.shape] * (
        2 * preview
    )
    assert parts.stats.published == 2


@pytest.mark.parametrize("pixel_format", ["bgr", "i420"])
@pytest.mark.parametrize(("width", "height"), [(WIDTH, 90), (160, HEIGHT), (319, 179), (90, 320)])
def test_a_picture_of_another_size_fills_the_output(
    pixel_format: PixelFormat, width: int, height: int
) -> None:
    parts = Parts(pixel_format)
    given = np.full((height, width, 3), 200, np.uint8)
    parts.outputs.feed(given, MADE)
    parts.outputs.feed(to_i420(given), MADE)
    size = (HEIGHT * 3 // 2, WIDTH) if pixel_format == "i420" else (HEIGHT, WIDTH, 3)
    assert [shown.shape for _, shown in parts.sink.published] == [size, size]


def test_a_card_is_converted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parts, converted = Parts("i420"), list[int]()

    def noted(image: Image, out: Image | None = None) -> Image:
        converted.append(1)
        return to_i420(image, out)

    monkeypatch.setattr("bgblur.pipeline.fitter.to_i420", noted)
    other = 255 - PICTURE
    for picture in (PICTURE, PICTURE, other, PICTURE):
        parts.outputs.feed(picture, MADE)
    assert len(converted) == 3
    for (_, shown), given in zip(
        parts.sink.published, (PICTURE, PICTURE, other, PICTURE), strict=True
    ):
        assert np.array_equal(shown, to_i420(given))


def test_neither_output_gets_a_picture_that_may_not_be_shown() -> None:
    parts = Parts(preview=True)
    parts.allowed = False
    assert not parts.outputs.feed(PICTURE, MADE)
    assert not parts.sink.published
    assert not parts.preview_sink.published
    assert parts.stats.published == 0
    assert parts.outputs.feed(PICTURE, None)
    assert len(parts.sink.published) == len(parts.preview_sink.published) == 1


def test_without_a_sink_a_picture_is_dropped() -> None:
    parts = Parts(preview=True)
    parts.keeper.sink = None
    assert not parts.outputs.wants_i420
    assert not parts.outputs.ready()
    assert not parts.outputs.feed(PICTURE, MADE)
    assert not parts.preview_sink.published


def test_an_output_that_fails_is_not_repeated(parts: Parts) -> None:
    parts.outputs.feed(PICTURE, MADE)
    parts.sink.refuse.set()
    parts.outputs.feed(PICTURE, MADE)
    assert Part.OUTPUT in parts.problems
    parts.sink.refuse.clear()
    parts.now += 0.1
    assert parts.repeated()[0] == []
    assert parts.output._sent is None


# ------------------------------------------------------------ repeating


def test_a_picture_is_repeated_twelve_times_a_second_for_three_seconds(parts: Parts) -> None:
    parts.outputs.feed(PICTURE, MADE)
    shown, wait = parts.repeated()
    assert shown == []
    assert wait == pytest.approx(0.08)
    parts.now += 0.03
    shown, wait = parts.repeated()
    assert shown == []
    assert wait == pytest.approx(0.05)
    parts.now += 0.05 + JUST
    shown, wait = parts.repeated()
    assert np.array_equal(shown[0], PICTURE)
    assert wait == 0.08
    parts.now += 0.07
    shown, wait = parts.repeated()
    assert shown == []
    assert wait == pytest.approx(0.01)
    parts.now = 1003 - JUST
    assert len(parts.repeated()[0]) == 1
    parts.now = 1003.0
    parts.output._repeated = 0.0
    assert parts.repeated() == ([], 0.08), "a thread that hangs must be seen to hang"


def test_nothing_is_repeated_before_the_first_picture_and_of_a_former_sink(parts: Parts) -> None:
    assert parts.repeated() == ([], 0.08)
    parts.outputs.feed(PICTURE, MADE)
    parts.now += 0.1
    parts.keeper.opening += 1
    assert parts.repeated() == ([], 0.08)


def test_a_sink_about_to_change_is_left_alone(parts: Parts) -> None:
    parts.outputs.feed(PICTURE, MADE)
    parts.now += 0.1
    parts.keeper.failed(OutputError("gone"))
    assert parts.repeated() == ([], 0.02)


def test_a_sink_that_fails_while_it_repeats_is_left_to_the_next_picture(parts: Parts) -> None:
    parts.outputs.feed(PICTURE, MADE)
    parts.now += 0.1
    parts.sink.refuse.set()
    assert parts.repeated() == ([], 0.02)
    parts.sink.refuse.clear()
    assert parts.repeated() == ([], 0.08), "it may be half written"


@pytest.mark.parametrize("pixel_format", ["bgr", "i420"])
def test_a_picture_that_hides_too_little_becomes_a_dark_card_and_is_dropped(
    pixel_format: PixelFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = Parts(pixel_format)
    monkeypatch.setattr("bgblur.pipeline.output.time", parts)
    parts.outputs.feed(PICTURE, MADE)
    parts.now += 0.1
    parts.allowed = False
    dark = card(WIDTH, HEIGHT, "")
    (shown,), _ = parts.repeated()
    assert np.array_equal(shown, to_i420(dark) if pixel_format == "i420" else dark)
    assert parts.output._sent is not None
    assert parts.output._sent.made_with is None
    assert np.array_equal(parts.output._sent.picture, shown), "the other one is not kept"
    parts.now += 0.1
    parts.allowed = True
    assert np.array_equal(parts.repeated()[0][0], shown)


# ------------------------------------------------------------ the end


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_of_the_room_is_shown_after_the_end(fails: bool, parts: Parts) -> None:
    parts.outputs.feed(PICTURE, MADE)
    if fails:
        parts.sink.refuse.set()
    assert not parts.output.closing
    closing: list[bool] = []
    close = parts.sink.close

    def close_and_note() -> None:
        closing.append(parts.output.closing)
        close()

    parts.sink.close = close_and_note  # type: ignore[method-assign]
    last = card(WIDTH, HEIGHT, "bgblur has ended")
    parts.outputs.end(last)
    assert closing == [True]
    assert not parts.output.closing
    assert parts.sink.closed == 1
    parts.sink.refuse.clear()
    parts.now += 0.1
    assert parts.repeated()[0] == []
    assert np.array_equal(parts.sink.published[-1][1], PICTURE if fails else last)
    assert (Part.OUTPUT in parts.problems) is fails


def test_the_preview_ends_with_the_output() -> None:
    parts = Parts(preview=True)
    parts.outputs.end(card(WIDTH, HEIGHT, ""))
    assert parts.preview_sink.closed == 1
    assert not parts.preview.is_open


def test_a_recording_that_broke_off_opens_no_preview() -> None:
    parts = Parts()
    parts.keeper.broken_off = OutputError("the disk is full")
    parts.preview.replace(lambda: parts.preview_sink)
    assert not parts.outputs.ready()
    assert not parts.preview.is_open
