"""A virtual camera whose driver keeps the size that a watching program knows."""

from __future__ import annotations

import numpy as np
import pytest
from support.pipeline_parts import RecordingSink, output_on

from bgblur.errors import OutputError
from bgblur.pipeline.output import Output
from bgblur.pipeline.sink_keeper import SinkKeeper
from bgblur.pipeline.state import Problems
from bgblur.sinks import Sink, Sized


class KeptSink(RecordingSink):
    size = (0, 0)


class Driver:
    """Opens every sink at the ``kept`` size; with ``refuses`` it fails for other sizes instead."""

    def __init__(self, refuses: bool = False) -> None:
        self.refuses = refuses
        self.kept: tuple[int, int] | None = None
        self.asked: list[tuple[int, int]] = []
        self.sink = KeptSink()
        self.gone = False

    def __call__(self, width: int, height: int, fps: float) -> Sink:
        self.asked.append((width, height))
        if self.gone or (self.refuses and self.kept not in (None, (width, height))):
            raise OutputError("the driver will not")
        self.sink = KeptSink()
        self.sink.size = self.kept or (width, height)
        return self.sink


@pytest.fixture(params=[False, True], ids=["silently", "with an error"])
def driver(request: pytest.FixtureRequest) -> Driver:
    return Driver(request.param)


def opened(driver: Driver) -> tuple[Output, SinkKeeper]:
    output, keeper = output_on(driver, Problems())
    keeper.open(320, 180, 30.0)
    assert isinstance(driver.sink, Sized)
    return output, keeper


def shapes(output: Output, driver: Driver) -> set[tuple[int, ...]]:
    """The shapes published of a picture that is larger than every sink."""
    assert output.feed(np.zeros((720, 1280, 3), np.uint8), made_with=None)
    return {picture.shape for picture in driver.sink.since(0)}


def test_pictures_have_the_size_that_the_driver_kept(driver: Driver) -> None:
    output, keeper = opened(driver)
    driver.kept = (320, 180)
    keeper.resize(640, 360, 30.0)
    assert output.ready()
    assert keeper.size == (320, 180)
    assert shapes(output, driver) == {(180, 320, 3)}
    assert (640, 360) in driver.asked


def test_once_nobody_watches_the_new_size_is_taken(driver: Driver) -> None:
    output, keeper = opened(driver)
    keeper.nobody_watches()  # nothing was refused
    assert output.ready()
    assert driver.asked == [(320, 180)]
    driver.kept = (320, 180)
    keeper.resize(640, 360, 30.0)
    output.ready()
    driver.kept = None
    keeper.nobody_watches()
    assert output.ready()
    assert keeper.size == (640, 360)
    assert shapes(output, driver) == {(360, 640, 3)}
    keeper.nobody_watches()
    asked = list(driver.asked)
    assert output.ready()
    assert driver.asked == asked


def test_a_driver_that_never_gives_in_is_asked_once_more(driver: Driver) -> None:
    output, keeper = opened(driver)
    driver.kept = (320, 180)
    keeper.resize(640, 360, 30.0)
    output.ready()
    for _ in range(3):
        keeper.nobody_watches()
        output.ready()
    assert driver.asked.count((640, 360)) == 2
    assert keeper.size == (320, 180)


def test_the_size_is_not_forgotten_while_the_device_is_gone(driver: Driver) -> None:
    output, keeper = opened(driver)
    driver.gone = True
    keeper.resize(640, 360, 30.0)
    with pytest.raises(OutputError, match="will not") as caught:
        output.ready()
    assert keeper.size == (320, 180), "the size of the cards until then"
    output.failed(caught.value)
    driver.gone = False
    keeper._retry_at = 0.0
    assert output.ready()
    assert keeper.size == (640, 360)
