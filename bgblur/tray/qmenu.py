"""The tray's menu on the screen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from textwrap import shorten

from PySide6.QtCore import QObject, Signal
from PySide6.QtDBus import QDBusConnection
from PySide6.QtGui import QAction, QCursor
from PySide6.QtWidgets import QMenu, QWidgetAction

from bgblur.config.settings import Settings
from bgblur.devices.listing import Device
from bgblur.tray import autostart, menu
from bgblur.tray.choices import TrayChoices
from bgblur.tray.menu import Changes, Choice
from bgblur.tray.shortcuts import PAUSE, TOGGLE
from bgblur.tray.state import Seen, TrayState
from bgblur.tray.strength import StrengthSlider

Offered = Callable[[Settings], list[Choice]]

_WIDTH = 64  # characters of a problem, so that the menu stays narrow; the tooltip has the whole
_KEY_WIDTH = 32  # likewise, of a key in the desktop's own words
_WATCHER = "org.kde.StatusNotifierWatcher"


def holds_widgets() -> bool:
    """Whether a menu can hold the slider. It cannot where macOS draws the menu, or a panel (KDE,
    GNOME) that gets it over D-Bus."""
    if sys.platform in ("win32", "darwin"):
        return sys.platform == "win32"
    bus = QDBusConnection.sessionBus()
    return not (bus.isConnected() and bus.interface().isServiceRegistered(_WATCHER).value())


class TrayMenu(QObject):
    """Shows settings and state; emits a signal for what the user chooses."""

    change = Signal(object)  # Changes
    toggle = Signal()  # the blur, as the key does
    ask_picture = Signal()
    ask_color = Signal()
    list_cameras = Signal()  # their menu is about to open
    preview = Signal()
    edit = Signal()
    autostart = Signal(bool)
    start = Signal()
    quit = Signal()

    def __init__(self, settings: Settings, *, widgets: bool) -> None:
        super().__init__()
        self._settings = settings
        self._widgets = widgets
        self.menu = QMenu()
        self._words = self._line()
        self._problem = self._line()
        self._outputs = self._line()
        self.menu.addSeparator()
        end_of_presets = self.menu.addSeparator()
        self._presets = TrayChoices(self.menu, self._choose, end_of_presets)
        self.slider = StrengthSlider()
        self.slider.chosen.connect(self._choose_strength)
        self._add_slider()
        background = self.menu.addMenu("&Background")
        self._backgrounds = TrayChoices(background, self._choose)
        camera = self.menu.addMenu("&Camera")
        camera.aboutToShow.connect(self.list_cameras)
        self._cameras = TrayChoices(camera, self._choose)
        self._mirror = self._switch("&Mirror", "camera.mirror")
        self._follow = self._switch("&Follow me", "camera.follow")
        self._framing = [
            *self._choices("F&raming", menu.zooms, menu.turns),
            *self._choices("Output si&ze", menu.sizes, menu.fits),
        ]
        self._toggle = self.menu.addAction("")
        self._toggle.triggered.connect(self.toggle)
        self._pause = self._switch("&Pause", "output.paused")
        self._keys: Mapping[str, str] = {}
        pauses = self.menu.addMenu("&In a pause, show")
        self._pauses = TrayChoices(pauses, self._choose)
        self.menu.addSeparator()
        self.menu.addAction("&Open preview").triggered.connect(self.preview)
        self.menu.addAction("&Edit configuration").triggered.connect(self.edit)
        self._autostart = self.menu.addAction("Start at &login")
        self._autostart.setCheckable(True)
        self._autostart.setVisible(autostart.available())
        self._autostart.triggered.connect(self.autostart)
        self.menu.addSeparator()
        self._start = self.menu.addAction("S&tart bgblur")
        self._start.triggered.connect(self.start)
        self._quit = self.menu.addAction("")
        self._quit.triggered.connect(self.quit)

    def show_settings(
        self, settings: Settings, last_strength: int, devices: Iterable[Device]
    ) -> None:
        self._settings = settings
        self._presets.show(menu.presets(settings))
        self._backgrounds.show(menu.backgrounds(settings, last_strength))
        self._cameras.show(menu.cameras(settings, devices))
        self._mirror.setChecked(settings.camera.mirror)
        self._follow.setChecked(settings.camera.follow)
        for choices, offered in self._framing:
            choices.show(offered(settings))
        self._pause.setChecked(settings.output.paused)
        self.show_keys(self._keys)
        self._pauses.show(menu.pauses(settings))
        self.slider.show_strength(settings.background.strength)
        # The strength has no effect on a picture or a colour.
        self.slider.setEnabled(settings.background.mode in ("blur", "none"))
        self._strength.setText(f"&Strength: {settings.background.strength}…")

    def show_state(self, seen: Seen, *, ends_daemon: bool, autostart: bool) -> None:
        """``ends_daemon`` says that "Quit" ends the daemon too."""
        self._words.setText(seen.words)
        self._outputs.setText(shorten(seen.outputs or "", _WIDTH, placeholder="…"))
        self._outputs.setVisible(seen.outputs is not None)
        self._problem.setText(shorten(seen.problem or "", _WIDTH, placeholder="…"))
        self._problem.setVisible(seen.problem is not None)
        self._start.setVisible(seen.state == TrayState.STOPPED)
        self._quit.setText("&Quit bgblur" if ends_daemon else "&Quit the tray only")
        self._autostart.setChecked(autostart)

    def show_keys(self, keys: Mapping[str, str]) -> None:
        """What the keys are that work in every program, by the names of ``Shortcuts``. They are
        shown only: a shortcut of Qt's would be a second one for the same key."""
        self._keys = keys
        background = self._settings.background
        on = background.strength > 0 and background.mode != "none"
        toggle = "T&urn the blur off" if on else "T&urn the blur on"
        self._toggle.setText(_with_key(toggle, keys.get(TOGGLE)))
        self._pause.setText(_with_key("&Pause", keys.get(PAUSE)))

    def activate(self) -> None:
        """Call it when the icon itself is clicked."""
        if self._widgets:
            self.menu.popup(QCursor.pos())
        elif sys.platform != "darwin":  # where the click opens the menu
            self._open_slider()

    def _line(self) -> QAction:
        action = self.menu.addAction("")
        action.setEnabled(False)
        return action

    def _add_slider(self) -> None:
        self._strength = QAction(self.menu)
        if self._widgets:
            holder = QWidgetAction(self.menu)
            holder.setDefaultWidget(self.slider)
            self.menu.addAction(holder)
        else:
            self.menu.addAction(self._strength)
            self._strength.triggered.connect(self._open_slider)

    def _open_slider(self) -> None:
        self.slider.move(QCursor.pos())
        self.slider.show()
        self.slider.activateWindow()

    def _choices(self, text: str, *offered: Offered) -> Iterator[tuple[TrayChoices, Offered]]:
        """A menu of several lists of choices, with a line between them."""
        submenu = self.menu.addMenu(text)
        for each in offered:
            yield TrayChoices(submenu, self._choose, submenu.addSeparator()), each

    def _switch(self, text: str, key: str) -> QAction:
        action = self.menu.addAction(text)
        action.setCheckable(True)
        action.triggered.connect(lambda on: self.change.emit(((key, on),)))
        return action

    def _choose(self, choice: Choice) -> None:
        if choice.ask == "picture":
            self.ask_picture.emit()
        elif choice.ask == "color":
            self.ask_color.emit()
        else:
            self.change.emit(choice.changes)

    def _choose_strength(self, strength: int) -> None:
        changes: Changes = menu.strength_changes(self._settings, strength)
        self.change.emit(changes)


def _with_key(text: str, key: str | None) -> str:
    """After a tab a menu shows a key, on the right."""
    if key is None:
        return text
    return f"{text}\t{shorten(key, _KEY_WIDTH, placeholder='…').replace('&', '&&')}"
