"""Runs the tray, from the first question to the desktop until the user quits."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from filelock import FileLock, Timeout
from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from bgblur.config.file import load
from bgblur.daemon import status
from bgblur.desktop.share_files import APP_ID
from bgblur.errors import UsageError
from bgblur.tray.daemon import OwnDaemon
from bgblur.tray.preview import open_preview
from bgblur.tray.qmenu import holds_widgets
from bgblur.tray.tray import Tray

_HOST_WITHIN = 5.0  # seconds; at login the panel may come after its autostart entries
_PAGE_WITHIN = 10.0  # seconds; so may the daemon

Say = Callable[[str], None]


def run(config: Path, daemon: int | None, say: Say) -> None:
    """Show the tray until it is quit; where the desktop has none, open the preview instead.

    ``daemon`` is the process that started this one, if it was a daemon. Raises BgblurError.
    """
    settings = load(config)
    # The tray has nothing to clean up, and within Qt's loop Python's own handler would not run.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with _only_one(config):
        app = _application(say)
        if not _host_comes(app):
            say(
                "this desktop shows no tray icons: on GNOME, install the extension "
                '"AppIndicator and KStatusNotifierItem Support"; the preview opens instead'
            )
            open_preview(config, _PAGE_WITHIN)
            return
        tray = Tray(config, settings, OwnDaemon(config, daemon), widgets=holds_widgets())
        tray.show()
        app.exec()
        tray.close()


def _only_one(config: Path) -> AbstractContextManager[object]:
    """Raises UsageError if there is a tray for this configuration."""
    digest = hashlib.sha256(os.fsencode(config.resolve())).hexdigest()[:16]
    folder = status.folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return FileLock(folder / f"tray-{digest}.lock").acquire(timeout=0)
    except Timeout:
        raise UsageError(f"the tray for {config} is already in the panel") from None


def _application(say: Say) -> QApplication:
    displays = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    if sys.platform not in ("win32", "darwin") and not displays & os.environ.keys():
        raise UsageError(
            "there is no desktop here (neither DISPLAY nor WAYLAND_DISPLAY is set): "
            "start the tray from a desktop session"
        )
    qInstallMessageHandler(_Messages(say))
    app = QApplication(["bgblur"])
    app.setQuitOnLastWindowClosed(False)
    app.setDesktopFileName(APP_ID)
    return app


class _Messages:
    """Shows why Qt cannot start in one line, before Qt aborts. Its other messages are dropped."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._first = ""

    def __call__(self, kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        line = text.partition("\n")[0]
        if kind == QtMsgType.QtFatalMsg:
            reason = self._first or line
            self._say(f"bgblur-cam: Qt cannot show anything here: {reason}")
            os._exit(UsageError.exit_code)
        self._first = self._first or line


def _host_comes(app: QApplication) -> bool:
    deadline = time.monotonic() + _HOST_WITHIN
    while not QSystemTrayIcon.isSystemTrayAvailable():
        if time.monotonic() >= deadline:
            return False
        app.processEvents()
        time.sleep(0.1)
    return True
