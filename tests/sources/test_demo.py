from __future__ import annotations

import numpy as np
import pytest
from support.hand_clock import Clock
from support.scenes import levels_apart

from bgblur.sources.demo import DemoSource


@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (641, 361), (360, 640), (64, 48)])
def test_any_size(size: tuple[int, int]) -> None:
    source = DemoSource(*size, fps=1000)
    frame = source.read()
    assert frame.image.shape == (size[1], size[0], 3)
    assert frame.image.dtype == np.uint8
    assert (source.width, source.height, source.fps) == (*size, 1000)


def test_moves_and_comes_back() -> None:
    source = DemoSource(320, 180)
    start, later = source.picture(0.0), source.picture(1.5)
    assert levels_apart(start, later).mean() > 3
    assert levels_apart(start, source.picture(12.0)).max() <= 1
    np.testing.assert_array_equal(later, DemoSource(320, 180).picture(1.5))


def test_frames_do_not_jump() -> None:
    source = DemoSource(320, 180)
    pictures = [source.picture(index / 30) for index in range(0, 360, 7)]
    far = levels_apart(pictures[0], pictures[len(pictures) // 4]).mean()
    near = [
        levels_apart(source.picture(i / 30), source.picture((i + 1) / 30)).mean()
        for i in range(0, 360, 20)
    ]
    assert max(near) < 0.5 * far


def test_frames_come_at_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("bgblur.sources.pace.time", clock)
    monkeypatch.setattr("bgblur.sources.demo.time", clock)
    source = DemoSource(64, 48, fps=50)
    source.read()
    frames = [source.read() for _ in range(20)]
    assert [frame.index for frame in frames] == list(range(1, 21))
    assert [frame.captured for frame in frames] == pytest.approx(
        [1000 + index / 50 for index in range(1, 21)]
    )
    source.close()
    source.close()
