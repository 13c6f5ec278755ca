"""An output and its thread alone."""

from __future__ import annotations

import time

import numpy as np
from support.pipeline_parts import HEIGHT, WIDTH, RecordingSink

from bgblur.compositing.look import Look
from bgblur.imaging.canvas import WHOLE
from bgblur.pipeline.in_force import Made
from bgblur.pipeline.output import Output
from bgblur.pipeline.output_thread import OutputThread
from bgblur.pipeline.sink_keeper import SinkKeeper
from bgblur.pipeline.state import Problems
from bgblur.stats import Stats

PICTURE = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)


def output_of(sink: RecordingSink, allowed: list[bool]) -> Output:
    keeper = SinkKeeper(sink, Problems())
    keeper.open(WIDTH, HEIGHT, 30.0)
    return Output(keeper, Stats(), lambda made: made is None or allowed[0])


def test_the_thread_shows_the_last_picture_again_while_none_comes() -> None:
    sink = RecordingSink()
    thread = OutputThread(output_of(sink, [True]))
    try:
        thread.feed(PICTURE, None, WHOLE)
        until = time.monotonic() + 20
        while len(sink.published) < 4 and time.monotonic() < until:
            time.sleep(0.05)
        times = [at for at, _ in sink.published]
        assert len(times) >= 4
        assert min(np.diff(times)) > 0.07, "it rests meanwhile"
        assert all(np.array_equal(shown, PICTURE) for _, shown in sink.published)
    finally:
        thread.end(None)
        thread.wait()


def test_the_output_itself_asks_whether_a_picture_may_be_shown() -> None:
    """It was allowed when it was made, and waited since."""
    sink, allowed = RecordingSink(), [False]
    output, made = output_of(sink, allowed), Made(Look(), 0)
    assert not output.feed(PICTURE, made)
    assert not sink.published
    allowed[0] = True
    assert output.feed(PICTURE, made)
    assert len(sink.published) == 1
