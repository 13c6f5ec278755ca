"""Keys from the desktop's portal: under Wayland no program can watch the keyboard itself.

XDG Desktop Portal, org.freedesktop.portal.GlobalShortcuts: the desktop asks the user which keys
they want, and reports when one is pressed. The session lives as long as its connection.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bgblur.config.keys import Keys
from bgblur.desktop.share_files import APP_ID
from bgblur.errors import one_line

if TYPE_CHECKING:
    from jeepney import Message
    from jeepney.io.blocking import DBusConnection

_DESCRIPTIONS = {"toggle-blur": "Turn the blur off or on", "pause": "Pause the camera, or go on"}
_BUS, _PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
_SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
_REQUEST = "org.freedesktop.portal.Request"
_BUS_ERROR = "org.freedesktop.DBus.Error."
# Of a desktop that has no such portal, which is no news.
_ABSENT = {
    f"{_BUS_ERROR}{name}"
    for name in ("ServiceUnknown", "UnknownMethod", "UnknownInterface", "UnknownObject")
}


class NoPortalError(Exception):
    """There is none, or it does not start; the text says why, and is empty where that is no
    news."""


class RefusedError(Exception):
    """The desktop, or its user, gives no keys; the text says why."""


def serve(
    keys: Mapping[str, Keys],
    pressed: Callable[[str], None],
    granted: Callable[[dict[str, str]], None],
    closing: socket.socket,
) -> None:
    """Call ``pressed`` with a name of ``keys`` for each press, until the other end of ``closing``
    is closed. The keys are what the desktop proposes to its user; ``granted`` gets what they have
    taken, in the desktop's words, by name, at each change.

    Raises NoPortalError, RefusedError.
    """
    try:
        from jeepney.io.blocking import open_dbus_connection

        connection = open_dbus_connection("SESSION")
    except Exception:  # no bus, or one that speaks another language: no portal either
        raise NoPortalError from None
    with connection:
        try:
            _serve(connection, keys, pressed, granted, closing)
        except (NoPortalError, RefusedError):
            raise
        except Exception as error:  # the bus ends, or answers what nobody expects
            raise RefusedError(one_line(error)) from None


def _serve(
    connection: DBusConnection,
    keys: Mapping[str, Keys],
    pressed: Callable[[str], None],
    granted: Callable[[dict[str, str]], None],
    closing: socket.socket,
) -> None:
    from jeepney import HeaderFields, MessageType

    session = _Session(connection, keys)
    session.open()
    while (message := _received(connection, closing)) is not None:
        fields = message.header.fields
        kind, member = message.header.message_type, fields.get(HeaderFields.member)
        if kind is MessageType.error and session.awaits(message):
            name = fields.get(HeaderFields.error_name)
            why = "" if name in _ABSENT else one_line(Exception(*message.body[:1]))
            by_bus = name in _ABSENT or (session.handle is None and name.startswith(_BUS_ERROR))
            raise NoPortalError(why) if by_bus else RefusedError(why)
        if kind is MessageType.method_return and session.awaits(message):
            session.request = message.body[0]  # an old portal chooses another path
        elif member == "Response" and fields.get(HeaderFields.path) == session.request:
            code, results = message.body
            if code != 0:
                raise RefusedError("refused" if code == 1 else "it failed")
            if "shortcuts" in results:
                granted(_in_words(results["shortcuts"][1]))
            session.answered(results)
        elif member == "ShortcutsChanged" and message.body[0] == session.handle:
            granted(_in_words(message.body[1]))
        elif member == "Activated" and message.body[0] == session.handle:
            pressed(message.body[1])


def _in_words(shortcuts: list[tuple[str, dict[str, Any]]]) -> dict[str, str]:
    """The keys of those that have some."""
    texts = {name: about.get("trigger_description", ("s", ""))[1] for name, about in shortcuts}
    return {name: text for name, text in texts.items() if text}


def _received(connection: DBusConnection, closing: socket.socket) -> Message | None:
    """The next message; None when all is to end."""
    while True:
        try:
            return connection.receive(timeout=0)
        except TimeoutError:
            if closing in select.select([connection.sock, closing], [], [])[0]:
                return None


class _Session:
    """The two requests, one after the other, and what they gave."""

    def __init__(self, connection: DBusConnection, keys: Mapping[str, Keys]) -> None:
        self.handle: str | None = None  # of the session, once there is one
        self.request = ""  # path of the request that has no answer yet
        self._connection = connection
        self._keys = keys
        self._serial = -1

    def open(self) -> None:
        from jeepney import DBusAddress, MatchRule, message_bus, new_method_call

        ours = [(_SHORTCUTS, "Activated"), (_SHORTCUTS, "ShortcutsChanged")]
        for interface, member in ((_REQUEST, "Response"), *ours):
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
        shortcuts = [
            (
                name,
                {
                    "description": ("s", _DESCRIPTIONS[name]),
                    "preferred_trigger": ("s", keys.trigger),
                },
            )
            for name, keys in self._keys.items()
        ]
        self._ask("BindShortcuts", "oa(sa{sv})sa{sv}", (self.handle, shortcuts, ""), {})

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
