"""The tray's keys on a real X server."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6", reason="needs the extra tray")
pytest.importorskip("Xlib", reason="needs the extra tray")

from support.tray.desktop import MISSING, Desktop
from support.tray.qt import soon
from support.tray.shown import keys, paused, strength, tray
from Xlib import XK, X, display
from Xlib.error import BadAccess, CatchError

from bgblur.config.file import default_path, set_value
from bgblur.tray.tray import Tray

pytest_plugins = ["support.tray.trays"]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")
CONTROL_ALT = X.ControlMask | X.Mod1Mask


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    with Desktop(tmp_path_factory.mktemp("desktop"), panel=False) as desktop:
        yield desktop


@pytest.fixture(scope="module")
def other(desktop: Desktop) -> Iterator[display.Display]:
    """Another program. While it is there, the server does not start again between two tests."""
    program = display.Display(desktop.env["DISPLAY"])
    yield program
    program.close()


@pytest.fixture(autouse=True)
def session(
    desktop: Desktop, other: display.Display, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An X11 session without portals."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, desktop.env[name])
    default_path().parent.mkdir(parents=True)


def is_free(other: display.Display, key: str, mask: int = CONTROL_ALT) -> bool:
    """Whether another program can have this key; it gives it back."""
    code = other.keysym_to_keycode(XK.string_to_keysym(key))
    root, held = other.screen().root, CatchError(BadAccess)
    root.grab_key(code, mask, False, X.GrabModeAsync, X.GrabModeAsync, onerror=held)
    root.ungrab_key(code, mask)
    other.sync()
    return held.get_error() is None


def use_layout(desktop: Desktop, *options: str) -> None:
    subprocess.run(["setxkbmap", *options], env=desktop.env, check=True, timeout=60)


def test_a_key_works_until_the_tray_ends(
    desktop: Desktop, other: display.Display, said: list[str]
) -> None:
    with tray():
        assert soon(lambda: not is_free(other, "b") and not is_free(other, "p"))
        desktop.mouse("key", "ctrl+alt+b")
        assert soon(lambda: strength() == 0)
        desktop.mouse("key", "ctrl+alt+p")
        assert soon(paused)

        desktop.mouse("key", "Caps_Lock", "key", "Num_Lock", "key", "ctrl+alt+b")
        assert soon(lambda: strength() == 60)
        desktop.mouse("key", "Caps_Lock", "key", "Num_Lock")

        desktop.mouse("key", "ctrl+b", "key", "alt+b", "key", "ctrl+alt+shift+b", "key", "b")
        desktop.mouse("key", "ctrl+alt+p")
        assert soon(lambda: not paused())
        assert strength() == 60, "no other combination does it"
    assert is_free(other, "b")
    assert is_free(other, "p")
    assert said == []


def test_a_key_held_down_counts_once(
    desktop: Desktop, other: display.Display, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed: list[str] = []
    monkeypatch.setattr(Tray, "_take_key", lambda _, name: pressed.append(name))
    with tray():
        assert soon(lambda: not is_free(other, "b"))
        held = (
            "keydown",
            "ctrl",
            "keydown",
            "alt",
            "keydown",
            "b",
            "sleep",
            "1.2",
        )  # 660 ms, then 25 a second
        desktop.mouse(*held, "keyup", "b", "keyup", "alt", "keyup", "ctrl", "key", "ctrl+alt+p")
        assert soon(lambda: "pause" in pressed)
    assert pressed == ["toggle-blur", "pause"]


def test_a_key_that_another_program_holds_is_one_line(
    desktop: Desktop, other: display.Display, said: list[str]
) -> None:
    code = other.keysym_to_keycode(XK.XK_b)
    root = other.screen().root
    root.grab_key(code, CONTROL_ALT | X.LockMask, False, X.GrabModeAsync, X.GrabModeAsync)
    other.sync()
    try:
        with tray() as shown:
            assert soon(lambda: said)
            assert soon(lambda: keys(shown) == ["Pause: Ctrl+Alt+P"])
            assert said == [
                "another program holds Ctrl+Alt+B (tray.toggle_key): "
                "choose another key in the configuration"
            ]
            desktop.mouse("key", "ctrl+alt+b", "key", "ctrl+alt+p")
            assert soon(paused), "the other key works"
            assert strength() == 60

            set_value(default_path(), "tray.toggle_key", "super+f9")
            assert soon(lambda: not is_free(other, "F9", X.Mod4Mask))
            desktop.mouse("key", "super+F9")
            assert soon(lambda: strength() == 0), "an edit counts at once"
            both = ["Turn the blur on: Super+F9", "Pause: Ctrl+Alt+P"]
            assert soon(lambda: keys(shown) == both)
            set_value(default_path(), "tray.toggle_key", "")
            assert soon(lambda: is_free(other, "F9", X.Mod4Mask))
            set_value(default_path(), "tray.shortcuts", False)
            assert soon(lambda: is_free(other, "p"))
            assert soon(lambda: keys(shown) == [])
            assert len(said) == 1
    finally:
        root.ungrab_key(X.AnyKey, X.AnyModifier)
        other.sync()


@pytest.mark.skipif(not shutil.which("setxkbmap"), reason="needs setxkbmap")
def test_the_key_moves_with_the_layout(
    desktop: Desktop, other: display.Display, said: list[str]
) -> None:
    set_value(default_path(), "tray.pause_key", "F9")
    with tray():
        assert soon(lambda: not is_free(other, "b"))
        try:
            use_layout(desktop, "us", "dvorak")
            assert soon(lambda: not is_free(other, "n")), "there it is on the other's old layout"
            desktop.mouse("key", "ctrl+alt+b")
            assert soon(lambda: strength() == 0)
            use_layout(desktop, "ru")
            assert soon(lambda: said)
            use_layout(desktop, "gr")  # nothing new
            desktop.mouse("key", "F9")
            assert soon(paused)
            assert said == [
                "this keyboard has no key for Ctrl+Alt+B (tray.toggle_key): "
                "choose another key in the configuration"
            ]
        finally:
            use_layout(desktop, "us")
        assert soon(lambda: not is_free(other, "b")), "back again"
        assert len(said) == 1


@pytest.mark.parametrize("sign", ["WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "XWAYLAND"])
def test_within_wayland_no_key_is_taken(
    sign: str, other: display.Display, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if sign == "XWAYLAND":  # the server's own word for it
        query = display.Display.query_extension

        def query_extension(server: display.Display, name: str) -> Any:
            return object() if name == sign else query(server, name)

        monkeypatch.setattr(display.Display, "query_extension", query_extension)
    else:
        monkeypatch.setenv(sign, "wayland")
    with tray() as shown:
        thread = shown._shortcuts.thread
        assert thread is not None
        assert soon(lambda: not thread.is_alive())
        assert is_free(other, "b")
    assert said == []
