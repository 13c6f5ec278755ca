"""Keys that work in every program, registered with the desktop's portal: under Wayland no program
can watch the keyboard itself.

XDG Desktop Portal, org.freedesktop.portal.GlobalShortcuts: the desktop asks the user which keys
they want, and reports when one is pressed. The session lives as long as its connection.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bgblur.desktop.share_files import APP_ID
from bgblur.errors import one_line

if TYPE_CHECKING:
    from jeepney import Message
    from jeepney.io.blocking import DBusConnection

TOGGLE, PAUSE = "toggle-blur", "pause"
_DESCRIPTIONS = {TOGGLE: "Turn the blur off or on", PAUSE: "Pause the camera, or go on"}
_BUS, _PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
_SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
_REQUEST = "org.freedesktop.portal.Request"
_ADVICE = 'bind "bgblur-cam toggle" and "bgblur-cam pause" to keys in the desktop\'s settings'
# Of a desktop that has no such portal, which is no news.
_ABSENT = {
    f"org.freedesktop.DBus.Error.{name}"
    for name in ("ServiceUnknown", "UnknownMethod", "UnknownInterface", "UnknownObject")
}


class Shortcuts:
    """Calls ``pressed`` with TOGGLE or PAUSE, and ``refused`` with one line if the desktop grants
    no keys; both in a thread of its own. Where there is no such portal nothing happens."""

    def __init__(self, pressed: Callable[[str], None], refused: Callable[[str], None]) -> None:
        self._pressed = pressed
        self._refused = refused
        self.thread: threading.Thread | None = None
        self._connection: DBusConnection | None = None
        self._closed = False

    def start(self) -> None:
        if sys.platform == "linux" and "DBUS_SESSION_BUS_ADDRESS" in os.environ:
            self.thread = threading.Thread(target=self._run, name="tray-shortcuts", daemon=True)
            self.thread.start()

    def close(self) -> None:
        """Give the keys back."""
        self._closed = True
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(OSError):  # the bus may be gone
                connection.sock.shutdown(2)  # wakes the thread, which closes it

    def _run(self) -> None:
        try:
            from jeepney.io.blocking import open_dbus_connection

            self._connection = open_dbus_connection("SESSION")
        except Exception:  # no bus, or one that speaks another language: no portal either
            return
        try:
            self._serve(self._connection)
        except Exception as error:
            if not self._closed:
                self._refuse(one_line(error))
        finally:
            self._connection.close()

    def _refuse(self, why: str) -> None:
        self._refused(f"the desktop gives bgblur no keys ({why}): {_ADVICE}")

    def _serve(self, connection: DBusConnection) -> None:
        """Until ``close``, the bus's end, or a refusal."""
        from jeepney import HeaderFields, MessageType

        session = _Session(connection)
        session.open()
        while not self._closed:
            message = connection.receive()
            fields = message.header.fields
            kind, member = message.header.message_type, fields.get(HeaderFields.member)
            if kind is MessageType.error and session.awaits(message):
                if fields.get(HeaderFields.error_name) not in _ABSENT:
                    self._refuse(one_line(Exception(*message.body[:1])))
                return
            if kind is MessageType.method_return and session.awaits(message):
                session.request = message.body[0]  # an old portal chooses another path
            elif member == "Response" and fields.get(HeaderFields.path) == session.request:
                code, results = message.body
                if code != 0:
                    self._refuse("refused" if code == 1 else "it failed")
                    return
                session.answered(results)
            elif member == "Activated" and message.body[0] == session.handle:
                self._pressed(message.body[1])


class _Session:
    """The two requests, one after the other, and what they gave."""

    def __init__(self, connection: DBusConnection) -> None:
        self.handle: str | None = None  # of the session, once there is one
        self.request = ""  # path of the request that has no answer yet
        self._connection = connection
        self._serial = -1

    def open(self) -> None:
        from jeepney import DBusAddress, MatchRule, message_bus, new_method_call

        for interface, member in ((_REQUEST, "Response"), (_SHORTCUTS, "Activated")):
            rule = MatchRule(type="signal", sender=_BUS, interface=interface, member=member)
            self._connection.send(message_bus.AddMatch(rule))
        # Tells the portal which program this is; portals before 1.20 do without.
        registry = DBusAddress(_PATH, _BUS, "org.freedesktop.host.portal.Registry")
        registered = new_method_call(registry, "Register", "sa{sv}", (APP_ID, {}))
        self._connection.send(registered)
        options = {"session_handle_token": ("s", "bgblur")}
        self._ask("CreateSession", "a{sv}", (), options)

    def awaits(self, message: Message) -> bool:
        """Whether ``message`` answers the call of the request itself."""
        from jeepney import HeaderFields

        return message.header.fields.get(HeaderFields.reply_serial) == self._serial

    def answered(self, results: dict[str, Any]) -> None:
        """The request has succeeded: make the next one."""
        if self.handle is not None:
            self.request = ""
            return
        self.handle = results["session_handle"][1]
        keys = [(key, {"description": ("s", text)}) for key, text in _DESCRIPTIONS.items()]
        self._ask("BindShortcuts", "oa(sa{sv})sa{sv}", (self.handle, keys, ""), {})

    def _ask(
        self, method: str, signature: str, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> None:
        from jeepney import DBusAddress, new_method_call

        token = f"bgblur_{method}"
        sender = self._connection.unique_name[1:].replace(".", "_")
        self.request = f"{_PATH}/request/{sender}/{token}"
        body = (*arguments, {"handle_token": ("s", token), **options})
        call = new_method_call(DBusAddress(_PATH, _BUS, _SHORTCUTS), method, signature, body)
        self._serial = next(self._connection.outgoing_serial)
        self._connection.send(call, serial=self._serial)
