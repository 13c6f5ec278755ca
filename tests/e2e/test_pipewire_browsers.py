"""Browsers take PipeWire's camera, and keep it while the daemon is killed and starts again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from support.media.known_colors import middles, patches
from support.pipewire import Session, eventually, fed, is_card, lose, pipewire_session
from support.pipewire_browsers import browser, chromium, firefox, start_portal

from bgblur.frame import Image
from bgblur.imaging.color import to_i420
from bgblur.sinks.pipewire import PipeWireSink

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PipeWire is Linux's")
COLORS = patches()
HEIGHT, WIDTH = COLORS.shape[:2]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with pipewire_session() as started:
        start_portal(started)
        yield started


def has_the_colours(picture: Image) -> bool:
    return bool(np.abs(middles(picture).astype(int) - middles(COLORS)).max() <= 3)


@pytest.mark.parametrize("command", [chromium, firefox])
def test_a_browser_shows_the_colours_and_keeps_the_camera(
    session: Session, tmp_path: Path, command: Callable[[Path, str], list[str]]
) -> None:
    feeding, picture = ExitStack(), to_i420(COLORS)
    with feeding:  # by a daemon that is killed
        feeding.enter_context(fed(PipeWireSink(WIDTH, HEIGHT, 30), picture, close=lose))
        with browser(session, tmp_path / "profile", command) as read:
            eventually(lambda: has_the_colours(read()))
            feeding.close()
            eventually(lambda: is_card(read()))
            with fed(PipeWireSink(WIDTH, HEIGHT, 30), picture):  # and the next one
                eventually(lambda: has_the_colours(read()))
