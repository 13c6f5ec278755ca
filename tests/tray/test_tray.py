"""The tray's menu writes what is chosen and shows what is in force; Qt without a screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("PySide6", reason="needs the extra tray")

from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QColorDialog, QMenu
from support.faults.fairness import Heartbeat
from support.tray.qt import soon
from support.tray.trays import entry, ticked

from bgblur.config.file import load, set_value
from bgblur.config.settings import Settings
from bgblur.tray import autostart as tray_autostart
from bgblur.tray.tray import Tray

pytest_plugins = ["support.tray.trays"]
pytestmark = pytest.mark.usefixtures("own_home")


def test_a_choice_is_written_and_shown(make: Callable[..., Tray], config: Path) -> None:
    config.write_text("# mine\n[background]\nstrength = 60  # soft\n")
    menu = make(config).menu.menu
    assert ticked(menu) == ["Medium"]
    entry(menu, "Light").trigger()
    assert config.read_text() == "# mine\n[background]\nstrength = 30  # soft\n"
    assert ticked(menu) == ["Light"]
    entry(menu, "Light").trigger()
    assert ticked(menu) == ["Light"], "what is chosen again stays ticked"
    entry(menu, "Mirror").trigger()
    entry(menu, "Pause").trigger()
    assert load(config).camera.mirror
    assert load(config).output.paused
    assert ticked(menu) == ["Light", "Mirror", "Pause"]
    entry(menu, "Mirror").trigger()
    assert not load(config).camera.mirror
    pauses = entry(menu, "In a pause, show").menu()
    assert isinstance(pauses, QMenu)
    assert ticked(pauses) == ["A card"]
    entry(pauses, "The last picture, blurred").trigger()
    assert load(config).output.pause_shows == "blurred"
    assert ticked(pauses) == ["The last picture, blurred"]


def test_framing_and_size(make: Callable[..., Tray], config: Path) -> None:
    config.write_text("[camera]\nzoom = 2.5\n[output]\nwidth = 854\n")
    menu = make(config).menu.menu
    framing, size = (entry(menu, name).menu() for name in ("Framing", "Output size"))
    assert isinstance(framing, QMenu)
    assert isinstance(size, QMenu)
    assert ticked(framing) == ["2.5×", "Not turned"]
    assert ticked(size) == ["854 × auto", "Whole, with bars"]
    for place, text in ((framing, "1.5×"), (framing, "Upside down"), (size, "1280 × 720")):
        entry(place, text).trigger()
    entry(size, "Filled, cut off").trigger()
    entry(menu, "Follow me").trigger()
    now = load(config)
    assert (now.camera.zoom, now.camera.rotate, now.camera.follow) == (1.5, 180, True)
    assert (now.output.width, now.output.height, now.output.fit) == (1280, 720, "cover")
    assert ticked(framing) == ["1.5×", "Upside down"]
    entry(size, "As the camera").trigger()
    assert load(config).output.width == load(config).output.height == "auto"


@pytest.fixture
def heart() -> Iterator[Heartbeat]:
    with Heartbeat() as heart:
        yield heart


def test_an_edit_elsewhere_is_shown_within_half_a_second(
    make: Callable[..., Tray], config: Path, heart: Heartbeat
) -> None:
    tray = make(config)
    menu = tray.menu.menu

    def shows(preset: str) -> bool:
        return ticked(menu)[:1] == [preset]

    assert not soon(lambda: False, 0.5)  # until the watch has begun
    for text, shown in (
        ("[background]\nstrength = 100\n", "Strong"),
        ("[background]\nstrength = 0\n[output]\npaused = true\n", "Off"),
        ('tray.presets = [{name = "A & B", strength = 7}]\nbackground.strength = 7\n', "A  B"),
    ):
        began = time.monotonic()
        config.write_text(text)
        assert soon(partial(shows, shown))
        assert time.monotonic() - began < 0.5 + 2 * heart.lost(began)[1]
    assert tray.menu.slider.slider.value() == 7
    names = [a.text() for a in menu.actions()]
    assert "Strong" not in names


def test_after_off_the_blur_comes_back_as_it_was(make: Callable[..., Tray], config: Path) -> None:
    set_value(config, "background.strength", 77)
    menu = make(config).menu.menu
    entry(menu, "Off").trigger()
    assert entry(menu, "Background", "None: show the room").isChecked()
    entry(menu, "Background", "Blur").trigger()
    assert load(config).background.strength == 77


def test_the_slider_writes_as_it_moves_and_is_not_moved_back(
    make: Callable[..., Tray], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tray = make(config)
    slider = tray.menu.slider.slider
    written: list[int] = []
    real = set_value

    def counted(path: Path, key: str, value: int) -> Settings:
        written.append(value)
        return real(path, key, value)

    monkeypatch.setattr("bgblur.config.file.set_value", counted)
    slider.setSliderDown(True)
    began = time.monotonic()
    for value in range(60, 20, -1):
        slider.setValue(value)
        soon(lambda: False, 0.02)
    assert 3 <= len(written) <= 2 + (time.monotonic() - began) / 0.1
    real(config, "background.strength", 99)  # somebody else's edit, the hand on the slider
    soon(lambda: False, 0.6)
    assert slider.value() == 21
    slider.setSliderDown(False)
    assert load(config).background.strength == 21
    real(config, "background.strength", 50)
    assert soon(lambda: slider.value() == 50)


def test_choosing_a_strength_sets_mode_blur(make: Callable[..., Tray], config: Path) -> None:
    set_value(config, "background.mode", "none")
    tray = make(config)
    tray.menu.slider.slider.setValue(40)
    assert soon(lambda: load(config).background.mode == "blur")
    assert load(config).background.strength == 40
    set_value(config, "background.mode", "color")
    assert soon(lambda: not tray.menu.slider.isEnabled())
    entry(tray.menu.menu, "Off").trigger()
    assert load(config).background.mode == "blur"
    assert load(config).background.strength == 0


def test_a_menu_without_widgets_has_a_window(make: Callable[..., Tray], config: Path) -> None:
    tray = make(config, widgets=False)
    entry(tray.menu.menu, "Strength: 60…").trigger()
    assert tray.menu.slider.isVisible()
    tray.menu.slider.slider.setValue(5)
    assert soon(lambda: load(config).background.strength == 5)
    assert soon(lambda: entry(tray.menu.menu, "Strength: 5…"))
    tray.menu.slider.close()


def test_a_colour_is_asked_for(make: Callable[..., Tray], config: Path) -> None:
    menu = make(config).menu.menu

    def answer(accept: bool) -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QColorDialog)
        assert dialog.currentColor().name() == "#00b140"
        dialog.setCurrentColor(QColor("#102030"))
        if accept:
            dialog.accept()
        else:
            dialog.reject()

    for accept, mode in ((False, "blur"), (True, "color")):
        QTimer.singleShot(200, lambda accept=accept: answer(accept))
        entry(menu, "Background", "Colour…").trigger()
        assert load(config).background.mode == mode
        assert entry(menu, "Background", "Colour…").isChecked() == accept
    assert load(config).background.color == "#102030"


def test_a_broken_file_is_reported_and_kept(
    make: Callable[..., Tray], config: Path, said: list[str]
) -> None:
    tray = make(config)
    assert not soon(lambda: False, 0.5)
    config.write_text("[background]\nstrength = 400\n")
    assert soon(lambda: "line 2" in tray.icon.toolTip())
    entry(tray.menu.menu, "Light").trigger()
    assert "line 2" in said[0]
    assert "400" in config.read_text()
    assert ticked(tray.menu.menu) == ["Medium"]
    config.write_text("")
    assert soon(lambda: "line 2" not in tray.icon.toolTip())


def test_start_at_login(make: Callable[..., Tray], config: Path) -> None:
    menu = make(config).menu.menu
    switch = entry(menu, "Start at login")
    assert switch.isVisible() == tray_autostart.available()
    switch.trigger()
    assert tray_autostart.enabled()
    tray_autostart.entry_path().unlink()
    assert soon(lambda: not switch.isChecked())
