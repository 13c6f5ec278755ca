"""Keys from the X server, which passes them on whatever window has the focus: XGrabKey.

A passive grab is for an exact set of modifiers, so that each key is grabbed with every combination
of the locks (Caps, Num, Scroll). The server takes all back when the connection ends.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from bgblur.config.keys import Keys

if TYPE_CHECKING:
    from Xlib.display import Display
    from Xlib.protocol.rq import Event

_SETTINGS = {"toggle-blur": "tray.toggle_key", "pause": "tray.pause_key"}
_REPEATS_WITHIN = 20  # ms from a release to the press that the keyboard's repetition makes of it
_ALL_MODIFIERS = 0xFF  # higher bits of an event's state are mouse buttons and the layout


def is_session(environment: Mapping[str, str]) -> bool:
    """Whether the desktop is X11's: keys of an X server within Wayland work in X11 windows alone,
    which is worse than none."""
    wayland = environment.get("WAYLAND_DISPLAY") or environment.get("XDG_SESSION_TYPE") == "wayland"
    return bool(environment.get("DISPLAY")) and not wayland


def serve(
    keys: Mapping[str, Keys],
    pressed: Callable[[str], None],
    refused: Callable[[str], None],
    granted: Callable[[dict[str, str]], None],
    closing: socket.socket,
) -> None:
    """Call ``pressed`` with a name of ``keys`` for each press, until the other end of ``closing``
    is closed; ``refused`` gets one line if a key cannot be taken, ``granted`` those that are.
    Raises errors of Xlib."""
    from Xlib import X
    from Xlib.display import Display

    display = Display()
    try:
        if display.query_extension("XWAYLAND") is not None:
            return
        grabs = _Grabs(display, keys, refused, granted)
        grabs.take()
        while True:
            events = [display.next_event() for _ in range(display.pending_events())]
            mappings = [event for event in events if event.type == X.MappingNotify]
            for event in mappings:
                display.refresh_keyboard_mapping(event)
            if mappings:
                grabs.take()
            for name in filter(None, map(grabs.name, events)):
                pressed(name)
            if not events and closing in select.select([display, closing], [], [])[0]:
                grabs.give_back()
                return
    finally:
        display.close()


class _Grabs:
    def __init__(
        self,
        display: Display,
        keys: Mapping[str, Keys],
        refused: Callable[[str], None],
        granted: Callable[[dict[str, str]], None],
    ) -> None:
        self._display = display
        self._root = display.screen().root
        self._keys = keys
        self._refused = refused
        self._granted = granted
        self._names: dict[tuple[int, int], str] = {}  # of keycode and modifiers without locks
        self._locks = 0
        self._problems: list[str] = []
        self._released: dict[int, int] = {}  # keycode: ms of the server's clock

    def take(self) -> None:
        """Grab all keys where they are on the keyboard now; say what is new about those that
        cannot be had."""
        self.give_back()
        modifiers = _modifiers(self._display)
        self._locks = modifiers["locks"]
        problems = []
        for name, keys in self._keys.items():
            codes = _keycodes(self._display, keys.keysym)
            mask = sum(modifiers[modifier] for modifier in keys.modifiers)
            if not codes:
                problems.append(f"this keyboard has no key for {keys} ({_SETTINGS[name]})")
            elif not self._grab(codes, mask):
                problems.append(f"another program holds {keys} ({_SETTINGS[name]})")
            else:
                self._names |= {(code, mask): name for code in codes}
        held = set(self._names.values())
        self._granted({name: str(keys) for name, keys in self._keys.items() if name in held})
        if problems and problems != self._problems:
            self._refused(f"{', and '.join(problems)}: choose another key in the configuration")
        self._problems = problems

    def give_back(self) -> None:
        from Xlib import X

        self._names = {}
        self._root.ungrab_key(X.AnyKey, X.AnyModifier)
        self._display.sync()

    def name(self, event: Event) -> str | None:
        """Of the key that this event is a press of; None for others, and for repetitions while a
        key is held down."""
        from Xlib import X

        if event.type == X.KeyRelease:
            self._released[event.detail] = event.time
        if event.type != X.KeyPress:
            return None
        since = (event.time - self._released.get(event.detail, -1000)) % 2**32
        mask = event.state & _ALL_MODIFIERS & ~self._locks
        return self._names.get((event.detail, mask)) if since > _REPEATS_WITHIN else None

    def _grab(self, codes: list[int], mask: int) -> bool:
        """All or nothing: a key that works only with Caps Lock would be a riddle."""
        from Xlib import X
        from Xlib.error import BadAccess, CatchError

        held = CatchError(BadAccess)
        grabs = [(code, mask | locks) for code in codes for locks in _subsets(self._locks)]
        for code, modifiers in grabs:
            self._root.grab_key(
                code, modifiers, False, X.GrabModeAsync, X.GrabModeAsync, onerror=held
            )
        self._display.sync()
        if held.get_error() is None:
            return True
        for code, modifiers in grabs:
            self._root.ungrab_key(code, modifiers)
        return False


def _keycodes(display: Display, keysym: str) -> list[int]:
    """The keys that write it with the fewest modifiers."""
    from Xlib import XK

    found = list(display.keysym_to_keycodes(XK.string_to_keysym(keysym)))
    least = min((index for _, index in found), default=0)
    return sorted({code for code, index in found if index == least})


def _modifiers(display: Display) -> dict[str, int]:
    """The masks of Keys' modifiers, and of all locks together."""
    from Xlib import X

    mapping = display.get_modifier_mapping()

    def mask(*keysyms: str) -> int:
        codes = {code for name in keysyms for code in _keycodes(display, name)}
        return sum(1 << index for index in range(8) if codes & set(mapping[index]))

    def first(mask: int) -> int:
        return mask & -mask

    return {
        "Ctrl": X.ControlMask,
        "Shift": X.ShiftMask,
        "Alt": first(mask("Alt_L")) or X.Mod1Mask,
        "Super": first(mask("Super_L")) or X.Mod4Mask,
        "locks": X.LockMask | mask("Num_Lock", "Scroll_Lock"),
    }


def _subsets(mask: int) -> Iterator[int]:
    bits = [1 << index for index in range(8) if mask >> index & 1]
    for count in range(len(bits) + 1):
        for some in combinations(bits, count):
            yield sum(some)
