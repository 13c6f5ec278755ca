"""A sink that is opened again: when it fails, or at another size."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
from support.pipeline_parts import RecordingSink, output_on

from bgblur.errors import OutputError
from bgblur.frame import Image
from bgblur.pipeline import sink_keeper
from bgblur.pipeline.output import REPEAT_AFTER
from bgblur.pipeline.preview import Preview
from bgblur.pipeline.sink_keeper import SinkKeeper
from bgblur.pipeline.state import Part, Problems
from bgblur.sinks import Resizing, Sink

PICTURE = np.full((180, 320, 3), 90, np.uint8)


class Opener:
    """Opens a new sink each time, but for the sizes in ``refused``."""

    def __init__(self, resizing: Resizing = "reopen") -> None:
        self.resizing = resizing
        self.refused: set[tuple[int, int]] = set()
        self.asked: list[tuple[int, int]] = []
        self.sinks: list[RecordingSink] = []

    def __call__(self, width: int, height: int, fps: float) -> Sink:
        self.asked.append((width, height))
        if (width, height) in self.refused:
            raise OutputError("the driver will not")
        self.sinks.append(RecordingSink())
        self.sinks[-1].resizing = self.resizing
        return self.sinks[-1]


def kept(opener: Opener) -> SinkKeeper:
    keeper = SinkKeeper(opener, Problems())
    keeper.open(319, 180, 30.0)
    return keeper


def lost(keeper: SinkKeeper) -> None:
    """Its time to wait is over."""
    keeper.failed(OutputError("gone"))
    keeper._retry_at = 0.0


def test_sizes_are_made_even() -> None:
    opener = Opener()
    assert kept(opener).size == (320, 180)
    assert opener.asked == [(320, 180)]


def test_a_sink_for_any_size_is_not_opened_again() -> None:
    opener = Opener("any")
    keeper = kept(opener)
    keeper.resize(640, 360, 30.0)
    assert keeper.size == (640, 360)
    assert keeper.ready()
    assert len(opener.sinks) == 1


def test_a_sink_that_cannot_be_resized_keeps_its_size() -> None:
    opener = Opener("never")
    keeper = kept(opener)
    keeper.resize(640, 360, 30.0)
    keeper.nobody_watches()
    assert keeper.ready()
    assert keeper.size == (320, 180)
    assert opener.asked == [(320, 180)]


def test_a_refused_size_is_asked_for_whenever_the_sink_is_opened() -> None:
    opener = Opener()
    keeper = kept(opener)
    opener.refused.add((640, 360))
    keeper.resize(640, 360, 30.0)
    assert keeper.ready()
    assert keeper.size == (320, 180)
    opener.refused.clear()
    lost(keeper)
    assert keeper.ready()
    assert keeper.size == (640, 360)
    assert all(sink.closed for sink in opener.sinks[:-1])


def test_the_size_in_force_may_be_wanted_again() -> None:
    opener = Opener()
    keeper = kept(opener)
    opener.refused.add((640, 360))
    keeper.resize(640, 360, 30.0)
    keeper.ready()
    keeper.resize(320, 180, 30.0)
    opener.refused.clear()
    keeper.nobody_watches()
    assert keeper.ready()
    assert keeper.size == (320, 180)


def test_a_failed_sink_is_opened_again_later_and_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_keeper, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    opener = Opener()
    keeper = SinkKeeper(opener, problems := Problems())
    keeper.open(320, 180, 30.0)
    waits = []
    for _ in range(5):
        keeper.failed(OutputError("gone"))
        waits.append(keeper._retry_at - 1000)
        assert not keeper.ready()
    assert problems.now() == {Part.OUTPUT: "gone"}
    assert waits == [0.25, 0.5, 1.0, 2.0, 2.0]
    keeper._retry_at = 0.0
    assert keeper.ready()
    keeper.works()
    assert problems.now() == {}
    keeper.failed(OutputError("gone"))
    assert keeper._retry_at - 1000 == sink_keeper.RETRY_FIRST


def test_a_new_sink_is_not_shown_a_picture_of_the_old_one() -> None:
    opener = Opener()
    output, keeper = output_on(opener, Problems())
    keeper.open(320, 180, 30.0)
    assert output.feed(PICTURE, made_with=None)
    time.sleep(REPEAT_AFTER + 0.02)
    output.repeat()
    assert len(opener.sinks[0].published) == 2
    lost(keeper)
    assert output.ready()
    time.sleep(REPEAT_AFTER + 0.02)
    output.repeat()
    assert opener.sinks[1].published == []
    assert output.feed(PICTURE, made_with=None)
    assert len(opener.sinks[1].published) == 1


def test_without_a_sink_there_is_no_name() -> None:
    opener = Opener()
    keeper = kept(opener)
    assert keeper.name == "record"
    opener.refused.add((320, 180))
    lost(keeper)
    with pytest.raises(OutputError):
        keeper.ready()
    assert keeper.name is None


# ------------------------------------------------------------ the preview


class Failing(RecordingSink):
    def publish(self, picture: Image) -> None:
        raise OSError("the page has ended")

    def close(self) -> None:
        super().close()
        raise OSError("and cannot be closed")


def test_a_preview_is_opened_and_closed_by_the_thread_that_feeds_it() -> None:
    preview, sink = Preview(Problems()), RecordingSink()
    preview.replace(lambda: sink)
    opened = [preview.is_open]
    preview.update()
    opened.append(preview.is_open)
    preview.publish(PICTURE)
    assert len(sink.published) == 1
    preview.replace(None)
    preview.update()
    assert [*opened, preview.is_open] == [False, True, False]
    assert sink.closed == 1


def test_a_preview_that_fails_is_closed_and_reported() -> None:
    preview, sink = Preview(problems := Problems()), Failing()
    preview.replace(lambda: sink)
    preview.update()
    preview.publish(PICTURE)
    assert not preview.is_open
    assert sink.closed == 1
    assert problems.now() == {Part.PREVIEW: "the page has ended"}
    preview.publish(PICTURE)  # nothing happens
    preview.replace(None)
    preview.update()
    assert problems.now() == {}


def test_a_preview_that_cannot_be_opened_is_reported() -> None:
    def refuse() -> Sink:
        raise OutputError("the port is taken")

    preview = Preview(problems := Problems())
    preview.replace(refuse)
    preview.update()
    assert not preview.is_open
    assert problems.now() == {Part.PREVIEW: "the port is taken"}


def test_a_size_asked_for_while_somebody_watched_comes_once_nobody_does() -> None:
    opener = Opener("never")
    keeper = kept(opener)
    keeper.resize(640, 360, 30.0)
    assert keeper.ready()
    opener.sinks[-1].resizing = opener.resizing = "reopen"
    keeper.nobody_watches()
    assert keeper.ready()
    assert keeper.size == (640, 360)
    assert len(opener.sinks) == 2
    keeper.nobody_watches()
    assert keeper.ready()
    assert len(opener.sinks) == 2


def test_a_sink_that_is_given_up_meanwhile_is_no_error() -> None:
    """By the thread that feeds it, while another one has an order."""

    class Vanishing(SinkKeeper):
        seen = 0

        @property
        def sink(self) -> Sink | None:
            self.seen += 1
            return self._sink if self.seen == 1 else None

        @sink.setter
        def sink(self, sink: Sink | None) -> None:
            self._sink = sink

    keeper = Vanishing(Opener(), Problems())
    keeper.open(320, 180, 30.0)
    keeper.seen = 0
    keeper.resize(640, 360, 30.0)
    keeper.seen = 0
    keeper.nobody_watches()
