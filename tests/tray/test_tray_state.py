from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.tray.reports import report

from bgblur.pipeline.state import Rest
from bgblur.tray.state import TrayState, report_for, seen

CONFIG = Path("config.toml")


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("starting", TrayState.BLURRING),
        ("blurring", TrayState.BLURRING),
        ("off", TrayState.OFF),
        ("idle", TrayState.IDLE),
        ("paused", TrayState.PAUSED),
        ("no camera", TrayState.PROBLEM),
        ("no mask", TrayState.PROBLEM),
    ],
)
def test_every_state_has_a_picture_and_words(state: str, shown: TrayState) -> None:
    now = seen(report(CONFIG, state), starting=False, config_problem=None)
    assert now.state == shown
    assert now.tooltip == f"bgblur: {now.words}"
    assert len(now.words) > 5


def test_the_network_in_force_is_named_while_it_works() -> None:
    figures: dict[str, Any] = {"network": "unet-lite", "input_height": 160}
    now = seen(report(CONFIG, "blurring", **figures), starting=False, config_problem=None)
    assert now.tooltip == f"bgblur: {now.words}\nunet-lite, 160 lines"
    now = seen(report(CONFIG, "off", **figures), starting=False, config_problem=None)
    assert now.tooltip == f"bgblur: {now.words}"


def test_the_states_of_rest_are_known() -> None:
    for rest in Rest:
        seen(report(CONFIG, rest), starting=False, config_problem=None)


def test_a_problem_is_shown_in_every_state() -> None:
    unplugged = "the camera was unplugged"
    now = seen(report(CONFIG, "off", problem=unplugged), starting=False, config_problem=None)
    assert now.state == TrayState.PROBLEM
    assert now.tooltip == f"bgblur: Off: others see your room\n{unplugged}"
    now = seen(report(CONFIG), starting=False, config_problem="line 3")
    assert now.state == TrayState.PROBLEM
    assert now.problem == "line 3"


def test_no_daemon() -> None:
    assert seen(None, starting=True, config_problem=None).words == "Starting"
    stopped = seen(None, starting=False, config_problem="line 3")
    assert stopped.state == TrayState.STOPPED
    assert stopped.problem == "line 3"


def test_a_daemon_of_another_configuration_is_not_shown(tmp_path: Path) -> None:
    mine, other = report(tmp_path / "mine.toml"), report(tmp_path / "other.toml", "off")
    assert report_for([other, mine], tmp_path / "mine.toml") is mine
    assert report_for([other], tmp_path / "mine.toml") is None
    (tmp_path / "link.toml").symlink_to(tmp_path / "mine.toml")
    assert report_for([mine], tmp_path / "link.toml") is mine
