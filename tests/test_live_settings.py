"""Edits of the file while the daemon runs, and what they must not take with them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bgblur.config_file import load
from bgblur.daemon import Daemon


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def daemon_of(path: Path, text: str) -> Daemon:
    path.write_text(text, encoding="utf-8")
    return Daemon(load(path), path, {"output.device": "web"}, lambda _: None)


def edit(daemon: Daemon, path: Path, text: str) -> str:
    """What the daemon has to say about it."""
    path.write_text(text, encoding="utf-8")
    daemon._changed(load(path))
    return daemon._config_problem or ""


MISSING = '[background]\nmode = "image"\nimage = "missing.png"\n'


def test_a_pause_counts_though_the_background_cannot_be_had(path: Path) -> None:
    daemon = daemon_of(path, '[background]\nmode = "none"\n')
    assert daemon.status()["mode"] == "none"
    assert "missing.png" in edit(daemon, path, MISSING)
    assert not daemon.pipeline.look.raw, "who wants a picture there does not want the room"
    assert daemon.status()["mode"] == "blur"
    said = edit(daemon, path, MISSING + "[output]\npaused = true\n[mask]\nfeather = 0.5\n")
    assert "missing.png" in said
    assert daemon.status()["paused"] is True
    assert daemon.pipeline._rest == "paused"
    assert daemon.pipeline.mask.feather == 0.5


def test_the_look_before_stays_and_the_wanted_one_is_tried_again(path: Path) -> None:
    daemon = daemon_of(path, "[background]\nstrength = 33\n")
    before = daemon.pipeline.look
    assert "missing.png" in edit(daemon, path, MISSING)
    assert daemon.pipeline.look is before
    assert daemon.status()["strength"] == 33
    cv2.imwrite(str(path.parent / "there.png"), np.zeros((90, 160, 3), np.uint8))
    wanted = MISSING.replace("missing.png", str(path.parent / "there.png"))
    assert edit(daemon, path, wanted) == ""
    assert daemon.status()["mode"] == "image"
    assert daemon.pipeline.look is not before
