"""A small GlobalShortcuts portal, for tests; ``answer`` is the code of every response, -1 an error
of the bus.

Run as a program within a session bus: portal.py ANSWER. Prints the shortcuts that are bound with
the keys that they would like, and presses the one whose name it reads. Its user gives "pause"
another key; those of a line "KEY of NAME" later.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    message_bus,
    new_error,
    new_method_return,
    new_signal,
)
from jeepney.io.blocking import open_dbus_connection

NAME, PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
SESSION = f"{PATH}/session/1_1/bgblur"


def main(answer: int) -> None:
    connection = open_dbus_connection("SESSION")
    connection.send_and_get_reply(message_bus.RequestName(NAME))
    print("ready", flush=True)

    def signal(path: str, interface: str, member: str, signature: str, *body: Any) -> None:
        connection.send(new_signal(DBusAddress(path, None, interface), member, signature, body))

    def press() -> None:
        for line in sys.stdin:
            key, of, name = line.rstrip("\n").rpartition(" of ")
            arguments: tuple[Any, ...] = (SESSION, name, 0, {})
            member, signature = "Activated", "osta{sv}"
            if of:
                arguments = (SESSION, [(name, {"trigger_description": ("s", key)})])
                member, signature = "ShortcutsChanged", "oa(sa{sv})"
            signal(PATH, "org.freedesktop.portal.GlobalShortcuts", member, signature, *arguments)

    threading.Thread(target=press, daemon=True).start()
    while True:
        call = connection.receive()
        member = call.header.fields.get(HeaderFields.member)
        if member not in ("CreateSession", "BindShortcuts"):
            if HeaderFields.member in call.header.fields and member != "NameAcquired":
                unknown = "org.freedesktop.DBus.Error.UnknownMethod"
                connection.send(new_error(call, unknown, "s", ("no such method",)))
            continue
        if answer < 0:
            failed = "org.freedesktop.DBus.Error.Spawn.ChildExited"
            connection.send(new_error(call, failed, "s", ("it has ended",)))
            continue
        request = path_of(call)
        connection.send(new_method_return(call, "o", (request,)))
        results: dict[str, Any] = {"session_handle": ("s", SESSION)}
        if member == "BindShortcuts":
            assert call.body[0] == SESSION
            wishes = (f"{name}={about['preferred_trigger'][1]}" for name, about in call.body[1])
            print(*wishes, flush=True)
            results = {"shortcuts": ("a(sa{sv})", [given(*each) for each in call.body[1]])}
        signal(request, "org.freedesktop.portal.Request", "Response", "ua{sv}", answer, results)


def given(name: str, about: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    key = "Press Super+P" if name == "pause" else about["preferred_trigger"][1]
    return name, {"description": about["description"], "trigger_description": ("s", key)}


def path_of(call: Message) -> str:
    sender = call.header.fields[HeaderFields.sender][1:].replace(".", "_")
    return f"{PATH}/request/{sender}/{call.body[-1]['handle_token'][1]}"


if __name__ == "__main__":
    main(int(sys.argv[1]))
