"""The icon in the panel: shows what the daemon does, and changes its configuration file."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, QUrl, Signal
from PySide6.QtGui import QColor, QDesktopServices, QIcon
from PySide6.QtWidgets import QApplication, QColorDialog, QFileDialog, QSystemTrayIcon

from bgblur.config import file as config_file
from bgblur.config import state as config_state
from bgblur.config.settings import Settings
from bgblur.config.watch import ConfigWatcher
from bgblur.daemon.status import running
from bgblur.devices.listing import Device, list_devices, video_nodes
from bgblur.errors import BgblurError
from bgblur.tray import autostart, menu
from bgblur.tray.daemon import OwnDaemon
from bgblur.tray.icons import icon_path
from bgblur.tray.menu import Changes
from bgblur.tray.preview import open_preview
from bgblur.tray.qmenu import TrayMenu
from bgblur.tray.shortcuts import PAUSE, TOGGLE, Shortcuts
from bgblur.tray.state import Seen, TrayState, report_for, seen

_REFRESH_EVERY = 1000  # ms, as often as the daemon writes its status


class Tray(QObject):
    """For the thread of the QApplication. Call ``show`` first and ``close`` last.

    ``widgets`` says whether the menu can hold a slider (``qmenu.holds_widgets``).
    """

    _file_changed = Signal(object)  # Settings, from the watcher's thread
    _file_problem = Signal(object)  # str or None, likewise
    _found = Signal(object)  # list[Device]
    _failed = Signal(str)
    _pressed = Signal(str)  # a shortcut, from its thread
    _granted = Signal(object)  # dict[str, str], likewise

    def __init__(self, config: Path, settings: Settings, own: OwnDaemon, *, widgets: bool) -> None:
        super().__init__()
        self._config = config
        self._settings = settings
        self._own = own
        self._devices: list[Device] = []
        self._nodes: list[Path] = []
        self._config_problem: str | None = None
        self.seen: Seen | None = None
        self.menu = TrayMenu(settings, widgets=widgets)
        self.icon = QSystemTrayIcon()
        self.icon.setContextMenu(self.menu.menu)
        self._watcher = ConfigWatcher(
            config, self._file_changed.emit, self._file_problem.emit, lambda: self._settings
        )
        self._shortcuts = Shortcuts(self._pressed.emit, self._failed.emit, self._granted.emit)
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_EVERY)
        self._connect()

    def show(self) -> None:
        self._show_settings()
        self._find_cameras()
        self._refresh()
        self.icon.show()
        self._watcher.start()
        self._timer.start()
        self._shortcuts.follow(self._settings.tray)

    def close(self) -> None:
        self._timer.stop()
        self._shortcuts.close()
        self._watcher.stop()
        self.icon.hide()

    def _connect(self) -> None:
        self._file_changed.connect(self._take_settings)
        self._file_problem.connect(self._take_problem)
        self._found.connect(self._take_devices)
        self._failed.connect(self._notify)
        self._pressed.connect(self._take_key)
        self._granted.connect(self.menu.show_keys)
        self._timer.timeout.connect(self._refresh)
        self.icon.activated.connect(self._activated)
        menu = self.menu
        menu.change.connect(self._change)
        menu.toggle.connect(lambda: self._take_key(TOGGLE))
        menu.ask_picture.connect(self._ask_picture)
        menu.ask_color.connect(self._ask_color)
        menu.list_cameras.connect(self._find_cameras)
        menu.preview.connect(self._open_preview)
        menu.edit.connect(self._edit)
        menu.autostart.connect(self._set_autostart)
        menu.start.connect(self._start_daemon)
        menu.quit.connect(self._quit)

    # ------------------------------------------------------------ display

    def _take_settings(self, settings: Settings) -> None:
        self._settings = settings
        self._show_settings()
        self._shortcuts.follow(settings.tray)

    def _take_problem(self, problem: str | None) -> None:
        self._config_problem = problem
        self._refresh()

    def _take_devices(self, devices: list[Device]) -> None:
        self._devices = devices
        self._show_settings()

    def _show_settings(self) -> None:
        strength = config_state.last_strength(Path(os.path.realpath(self._config)))
        self.menu.show_settings(self._settings, strength, self._devices)

    def _refresh(self) -> None:
        if video_nodes() != self._nodes:  # a camera was plugged in or out
            self._find_cameras()
        alive = self._own.alive
        report = report_for(running(), self._config)
        before = self.seen
        self.seen = seen(report, starting=alive, config_problem=self._config_problem)
        self.menu.show_state(self.seen, ends_daemon=alive, autostart=autostart.enabled())
        if self.seen == before:
            return
        self.icon.setIcon(QIcon(str(icon_path(self.seen.state))))
        self.icon.setToolTip(self.seen.tooltip)
        if before and self.seen.state == TrayState.STOPPED != before.state:
            why = self._own.last_words()
            self._notify(why or "bgblur has stopped: other programs get no picture from it")

    def _notify(self, line: str) -> None:
        self.icon.showMessage("bgblur", line, self.icon.icon())

    # ------------------------------------------------------------ the user's requests

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self.menu.activate()

    def _change(self, changes: Changes) -> None:
        try:
            for key, value in changes:
                self._settings = config_file.set_value(self._config, key, value)
        except BgblurError as error:
            self._notify(str(error))
        self._show_settings()

    def _take_key(self, shortcut: str) -> None:
        try:
            if shortcut == TOGGLE:
                config_file.toggle(self._config)
            elif shortcut == PAUSE:
                config_file.toggle_pause(self._config)
        except BgblurError as error:
            self._notify(str(error))

    def _ask_picture(self) -> None:
        from bgblur.imaging.pictures import PHOTO_ENDINGS  # and with it OpenCV

        known = " ".join(f"*{ending}" for ending in sorted(PHOTO_ENDINGS))
        path, _ = QFileDialog.getOpenFileName(
            None,
            "The picture behind you",
            self._settings.background.image or str(Path.home()),
            f"Pictures ({known});;All files (*)",
        )
        self._change(menu.picture_changes(path) if path else ())

    def _ask_color(self) -> None:
        color = QColorDialog.getColor(
            QColor(self._settings.background.color), None, "The colour behind you"
        )
        self._change(menu.color_changes(color.name()) if color.isValid() else ())

    def _find_cameras(self) -> None:
        """In a thread: drivers may be slow."""
        self._nodes = video_nodes()
        threading.Thread(
            target=lambda: self._found.emit(list_devices()), name="tray-cameras", daemon=True
        ).start()

    def _open_preview(self) -> None:
        def attempt() -> None:
            try:
                open_preview(self._config)
            except BgblurError as error:
                self._failed.emit(str(error))

        threading.Thread(target=attempt, name="tray-preview", daemon=True).start()

    def _edit(self) -> None:
        try:
            config_file.create(self._config)
        except BgblurError as error:
            self._notify(str(error))
            return
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._config))):
            self._notify(f"cannot open an editor: edit {self._config} yourself")

    def _set_autostart(self, on: bool) -> None:
        try:
            autostart.set_enabled(on, self._config)
        except BgblurError as error:
            self._notify(str(error))
        self._refresh()

    def _start_daemon(self) -> None:
        self._own.start()
        self._refresh()

    def _quit(self) -> None:
        self._own.end()
        QApplication.quit()
