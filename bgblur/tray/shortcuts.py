"""Keys that work in every program: from the desktop's portal, else from the X server."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping

from bgblur.config.keys import Keys
from bgblur.config.settings import TraySettings
from bgblur.errors import one_line
from bgblur.tray import shortcuts_portal, shortcuts_x11
from bgblur.tray.shortcuts_portal import NoPortalError, RefusedError

TOGGLE, PAUSE = "toggle-blur", "pause"
_ADVICE = 'bind "bgblur-cam toggle" and "bgblur-cam pause" to keys in the desktop\'s settings'
_CLOSED_WITHIN = 2.0  # seconds; a server that hangs must not hold up the tray


class Shortcuts:
    """Calls ``pressed`` with TOGGLE or PAUSE, ``refused`` with one line if there is no key for
    them, and ``granted`` with the keys that work now, in words, by TOGGLE and PAUSE; all in a
    thread of its own. Where neither portal nor X11 is, there are none."""

    def __init__(
        self,
        pressed: Callable[[str], None],
        refused: Callable[[str], None],
        granted: Callable[[dict[str, str]], None],
    ) -> None:
        self._pressed = pressed
        self._refused = refused
        self._granted = granted
        self._keys: dict[str, Keys] = {}
        self._closing: socket.socket | None = None
        self.thread: threading.Thread | None = None

    def follow(self, settings: TraySettings) -> None:
        """Take the keys that these settings want, and give others back."""
        texts = {TOGGLE: settings.toggle_key, PAUSE: settings.pause_key}
        wanted = settings.shortcuts and sys.platform == "linux"
        keys = {name: Keys.parse(text) for name, text in texts.items() if text and wanted}
        if keys == self._keys:
            return
        self.close()
        self._keys = keys
        if keys:
            self._closing, closing = socket.socketpair()
            self.thread = threading.Thread(
                target=self._run, args=(keys, closing), name="tray-shortcuts", daemon=True
            )
            self.thread.start()

    def close(self) -> None:
        """Give the keys back."""
        if self._closing is not None and self.thread is not None:
            self._closing.close()
            self.thread.join(_CLOSED_WITHIN)
        self._keys, self._closing, self.thread = {}, None, None

    def _run(self, keys: Mapping[str, Keys], closing: socket.socket) -> None:
        with closing:
            try:
                self._serve(keys, closing)
            except RefusedError as refusal:
                self._refuse("desktop", refusal)
            except Exception as error:
                self._refuse("X server", error)
            finally:
                self._granted({})

    def _serve(self, keys: Mapping[str, Keys], closing: socket.socket) -> None:
        try:
            shortcuts_portal.serve(keys, self._pressed, self._granted, closing)
        except NoPortalError as absent:
            if shortcuts_x11.is_session(os.environ):
                shortcuts_x11.serve(keys, self._pressed, self._refused, self._granted, closing)
            elif str(absent):
                self._refuse("desktop", absent)

    def _refuse(self, who: str, why: Exception) -> None:
        self._refused(f"the {who} gives bgblur no keys ({one_line(why)}): {_ADVICE}")
