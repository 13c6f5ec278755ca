from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgblur.config.settings import Settings
from bgblur.devices.listing import Device
from bgblur.pipeline.build import look_of
from bgblur.tray import menu as tray_menu
from bgblur.tray.menu import Changes, Choice


def with_background(**background: Any) -> Settings:
    return Settings.model_validate({"background": background})


def ticked(choices: list[Choice]) -> list[str]:
    return [choice.text for choice in choices if choice.ticked]


def applied(settings: Settings, changes: Changes) -> list[Settings]:
    """The settings after each change."""
    data, steps = settings.model_dump(), []
    for key, value in changes:
        area, name = key.split(".")
        data[area][name] = value
        steps.append(Settings.model_validate(data))
    return steps


def choice(choices: list[Choice], text: str) -> Choice:
    (found,) = [choice for choice in choices if choice.text == text]
    return found


@pytest.mark.parametrize(
    ("background", "preset", "shown"),
    [
        ({}, ["Medium"], ["Blur"]),
        ({"strength": 45}, [], ["Blur"]),
        ({"blur": "lens"}, ["Medium"], ["Lens blur: lights become discs"]),
        ({"strength": 0}, ["Off"], ["None: show the room"]),
        ({"mode": "none"}, [], ["None: show the room"]),
        ({"mode": "color", "strength": 0}, [], ["Colour…"]),
        ({"mode": "image", "image": "room.jpg"}, [], ["Picture…"]),
    ],
)
def test_what_is_in_force_is_ticked(
    background: dict[str, Any], preset: list[str], shown: list[str]
) -> None:
    settings = with_background(**background)
    assert ticked(tray_menu.presets(settings)) == preset
    assert ticked(tray_menu.backgrounds(settings, 60)) == shown


BACKGROUNDS = st.fixed_dictionaries(
    {"mode": st.sampled_from(["blur", "color", "none"]), "strength": st.integers(0, 100)}
)


@hypothesis.settings(deadline=None)
@given(BACKGROUNDS, st.sampled_from(["Off", "Light", "Medium", "Strong"]))
def test_a_chosen_preset_is_in_force_and_ticked(background: dict[str, Any], name: str) -> None:
    settings = with_background(**background)
    *_, after = applied(settings, choice(tray_menu.presets(settings), name).changes)
    assert ticked(tray_menu.presets(after)) == [name]
    assert look_of(after).raw == (name == "Off")


@hypothesis.settings(deadline=None)
@given(BACKGROUNDS, st.integers(1, 100))
def test_blur_always_blurs_and_none_never(background: dict[str, Any], last: int) -> None:
    settings = with_background(**background)
    choices = tray_menu.backgrounds(settings, last)
    *_, blurred = applied(settings, choice(choices, "Blur").changes)
    assert blurred.background.mode == "blur"
    assert blurred.background.strength == (background["strength"] or last)
    lens = choice(choices, "Lens blur: lights become discs").changes
    assert lens == (("background.blur", "lens"), *choice(choices, "Blur").changes)
    *_, raw = applied(settings, choice(choices, "None: show the room").changes)
    assert look_of(raw).raw


@hypothesis.settings(deadline=None)
@given(BACKGROUNDS, st.integers(0, 100), st.integers(1, 100))
def test_no_step_of_a_change_shows_more_than_its_ends(
    background: dict[str, Any], strength: int, last: int
) -> None:
    """The daemon may apply each step on its own."""
    settings = with_background(**background)
    for changes in (
        tray_menu.strength_changes(settings, strength),
        choice(tray_menu.backgrounds(settings, last), "Blur").changes,
        tray_menu.color_changes("#102030"),
    ):
        steps = applied(settings, changes)
        if not look_of(settings).raw and not look_of(steps[-1]).raw:
            assert not any(look_of(step).raw for step in steps)


def test_a_picture_is_set_before_its_mode() -> None:
    # The other way round the file would be refused on the way.
    (_, after) = applied(Settings(), tray_menu.picture_changes("/my/room.jpg"))
    assert after.background.mode == "image"
    assert after.background.image == "/my/room.jpg"


CAMERAS = [
    Device("/dev/video0", "HD Webcam", "camera", captures=True),
    Device("/dev/video2", "Twin", "camera", captures=True),
    Device("/dev/video3", "Twin", "camera", problem="Device or resource busy"),
    Device("/dev/video4", "silent", "camera"),
    Device("/dev/video10", "bgblur", "virtual camera", captures=True, outputs=True),
]


@pytest.mark.parametrize(
    ("device", "shown"),
    [
        ("0", "HD Webcam"),
        ("/dev/video0", "HD Webcam"),
        ("hd web", "HD Webcam"),
        ("2", "Twin (/dev/video2)"),
        ("/dev/video3", "Twin (/dev/video3)"),
        ("7", "Camera 7 (not found)"),
        ("demo", "demo"),
        ("clip.mp4", "clip.mp4"),
    ],
)
def test_the_camera_in_use_is_ticked(device: str, shown: str) -> None:
    settings = Settings.model_validate({"camera": {"device": device}})
    choices = tray_menu.cameras(settings, CAMERAS)
    assert ticked(choices) == [shown]
    texts = [choice.text for choice in choices]
    assert texts[-3:] == ["HD Webcam", "Twin (/dev/video2)", "Twin (/dev/video3)"]
    assert choices[-1].changes == (("camera.device", "/dev/video3"),)


def test_a_link_to_a_camera_is_that_camera(tmp_path: Path) -> None:
    link = tmp_path / "by-id"
    link.symlink_to("/dev/video0")
    settings = Settings.model_validate({"camera": {"device": str(link)}})
    assert ticked(tray_menu.cameras(settings, CAMERAS)) == ["HD Webcam"]
