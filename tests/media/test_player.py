from __future__ import annotations

from pathlib import Path

import pytest
from support.media.written_clips import gray_steps

from bgblur.errors import UsageError
from bgblur.media.player import ClipPlayer


def test_the_player_starts_over_at_the_end(tmp_path: Path) -> None:
    player = ClipPlayer(gray_steps(tmp_path / "a.mp4", 3))
    assert (player.width, player.height, player.fps) == (64, 48, 25.0)
    assert player.name == "video a.mp4"
    shades = [round((float(player.read().mean()) - 20) / 20) for _ in range(7)]
    assert shades == [0, 1, 2, 0, 1, 2, 0]
    assert player.played == 7
    player.close()


def test_a_closed_player_raises_and_counts_nothing(tmp_path: Path) -> None:
    player = ClipPlayer(gray_steps(tmp_path / "a.mp4", 3))
    player.read()
    player.close()
    player.close()
    with pytest.raises(UsageError, match=r"the video a\.mp4 was closed"):
        player.read()
    assert player.played == 1


def test_a_clip_that_vanishes_is_reported_at_the_next_round(tmp_path: Path) -> None:
    path = gray_steps(tmp_path / "a.mp4", 2)
    player = ClipPlayer(path)
    player.read()
    player.read()
    path.unlink()
    with pytest.raises(UsageError, match="no such file"):
        player.read()
    player.close()
