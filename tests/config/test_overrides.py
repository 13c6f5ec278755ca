from __future__ import annotations

from typing import Any

import pytest

from bgblur.config.overrides import Overrides, output_values
from bgblur.config.settings import Settings
from bgblur.errors import UsageError


def settings(**areas: dict[str, Any]) -> Settings:
    return Settings.model_validate(areas)


def test_an_option_wins_over_the_file() -> None:
    file = settings(background={"strength": 30}, camera={"device": "1"})
    effective = Overrides({"background.strength": 80, "camera.fps": "15"}, file).over(file)
    assert effective.background.strength == 80
    assert effective.camera.fps == 15
    assert effective.camera.device == "1"


def test_it_holds_until_the_files_own_value_changes() -> None:
    first = settings(background={"strength": 30})
    overrides = Overrides({"background.strength": 80}, first)
    assert overrides.over(first).background.strength == 80
    other_key = settings(background={"strength": 30, "mode": "none"})
    assert overrides.over(other_key).background.strength == 80
    assert overrides.over(other_key).background.mode == "none"
    moved = settings(background={"strength": 31})
    assert overrides.over(moved).background.strength == 31
    # For good: going back to where the file was is a change of mind too.
    assert overrides.over(first).background.strength == 30


def test_options_are_given_up_one_by_one() -> None:
    first = settings()
    overrides = Overrides({"background.strength": 80, "camera.mirror": True}, first)
    effective = overrides.over(settings(background={"strength": 10}))
    assert effective.background.strength == 10
    assert effective.camera.mirror is True


def test_setting_the_file_to_what_the_option_says_gives_the_option_up() -> None:
    first = settings(background={"strength": 30})
    overrides = Overrides({"background.strength": 80}, first)
    assert overrides.over(settings(background={"strength": 80})).background.strength == 80
    assert overrides.over(settings(background={"strength": 20})).background.strength == 20


@pytest.mark.parametrize("typed", [["a.mp4"], ["a.mp4", "web"]])
def test_outputs_that_are_typed_replace_both_keys_until_one_of_them_changes(
    typed: list[str],
) -> None:
    first = settings(output={"device": "web", "devices": ["pipewire", "/dev/video10"]})
    overrides = Overrides(output_values(typed), first)
    assert overrides.over(first).output.names == typed
    for output in ({"device": "auto"}, {"devices": ["pipewire"]}):
        overrides = Overrides(output_values(typed), first)
        changed = settings(output=first.output.model_dump() | output)
        assert overrides.over(changed).output.names == changed.output.names
    overrides = Overrides(output_values(typed), first)
    overrides.drop("output.device")  # it is chosen again
    assert overrides.over(first).output.names == first.output.names
    assert output_values(None) == output_values([]) == {}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"background.strength": 101}, "background.strength"),
        ({"background.mode": "sepia"}, "background.mode"),
        ({"background.color": "green"}, "background.color"),
        ({"background.mode": "image"}, "background.image"),
        ({"engine.input_height": 100}, "engine.input_height"),
    ],
)
def test_a_bad_option_is_one_line(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        Overrides(values, settings()).over(settings())
    assert "\n" not in str(caught.value)


def test_options_that_need_each_other_are_judged_together() -> None:
    values = {"background.mode": "image", "background.image": "room.jpg"}
    effective = Overrides(values, settings()).over(settings())
    assert (effective.background.mode, effective.background.image) == ("image", "room.jpg")


def test_the_callers_values_are_left_alone() -> None:
    values = {"background.strength": 80}
    Overrides(values, settings()).over(settings(background={"strength": 1}))
    assert values == {"background.strength": 80}


NONE = {"mode": "none", "strength": 60}


def test_a_strength_asks_for_blur_though_the_file_says_none() -> None:
    effective = Overrides({"background.strength": 80}, settings()).over(settings(background=NONE))
    assert effective.background.mode == "none", "the file was changed to it since"
    effective = Overrides({"background.strength": 80}, settings(background=NONE)).over(
        settings(background=NONE)
    )
    assert (effective.background.mode, effective.background.strength) == ("blur", 80)


def test_strength_0_keeps_the_files_mode() -> None:
    file = settings(background=NONE)
    assert Overrides({"background.strength": 0}, file).over(file).background.mode == "none"


def test_who_then_chooses_none_sees_the_room() -> None:
    file = settings(background=NONE)
    overrides = Overrides({"background.strength": 80}, file)
    assert overrides.over(file).background.mode == "blur"
    overrides.drop("background.mode")
    assert overrides.over(file).background.mode == "none"


def test_a_strength_chosen_elsewhere_ends_the_option_none() -> None:
    file = settings(background={"strength": 60})
    overrides = Overrides({"background.mode": "none"}, file)
    assert overrides.over(file).background.mode == "none"
    assert overrides.over(settings(background={"strength": 61})).background.mode == "blur"
    overrides = Overrides({"background.mode": "none"}, file)
    overrides.drop("background.strength")
    assert overrides.over(file).background.mode == "blur"


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(UsageError, match='strength 80 asks for blur, but mode "none"'):
        Overrides({"background.strength": 80, "background.mode": "none"}, settings())
