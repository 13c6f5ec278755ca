"""Keys as people write them: "Ctrl+Alt+B"."""

from __future__ import annotations

import string
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Self

_MODIFIERS = ("Ctrl", "Alt", "Shift", "Super")
_ALSO = {"control": "Ctrl", "meta": "Super", "win": "Super", "logo": "Super", "esc": "Escape"}
_ALSO |= {"return": "Enter", "pgup": "PageUp", "pgdn": "PageDown", "del": "Delete", "ins": "Insert"}

# Each key's name of X11 and xkbcommon (keysymdef.h). Those of the first row write or edit text.
_TEXT = dict(zip(string.ascii_uppercase, string.ascii_lowercase, strict=True))
_TEXT |= {digit: digit for digit in string.digits}
_TEXT |= {"Space": "space", "Tab": "Tab", "Enter": "Return", "Escape": "Escape"}
_TEXT |= {"Backspace": "BackSpace", "Delete": "Delete", "PageUp": "Prior", "PageDown": "Next"}
_TEXT |= {name: name for name in ("Home", "End", "Left", "Right", "Up", "Down")}
_ALONE = {f"F{number}": f"F{number}" for number in range(1, 25)}
_ALONE |= {name: name for name in ("Insert", "Pause", "Print", "Menu")}
_KEYSYMS = _TEXT | _ALONE
_NAMES = {name.lower(): name for name in (*_MODIFIERS, *_KEYSYMS)} | _ALSO


@dataclass(frozen=True)
class Keys:
    """A key with its modifiers, which are of "Ctrl", "Alt", "Shift", "Super", in this order."""

    modifiers: tuple[str, ...]
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Case, order and spaces do not matter. Raises ValueError: what the text must be."""
        names = [_named(part.strip()) for part in text.split("+")]
        keys = [name for name in names if name in _KEYSYMS]
        if len(keys) != 1:
            raise ValueError('it must be one key after its modifiers, as "Ctrl+Alt+B"')
        modifiers = tuple(name for name in _MODIFIERS if name in names)
        if keys[0] in _TEXT and not set(modifiers) - {"Shift"}:
            raise ValueError(
                "it needs Ctrl, Alt or Super with it: no other program would get this key"
            )
        return cls(modifiers, keys[0])

    def __str__(self) -> str:
        return "+".join((*self.modifiers, self.key))

    @property
    def keysym(self) -> str:
        """The key's name of X11, "b"."""
        return _KEYSYMS[self.key]

    @property
    def trigger(self) -> str:
        """As freedesktop.org's Shortcuts Specification has it: "CTRL+ALT+b"."""
        names = [name.upper().replace("SUPER", "LOGO") for name in self.modifiers]
        return "+".join((*names, self.keysym))


def _named(part: str) -> str:
    name = _NAMES.get(part.lower())
    if name is None:
        near = get_close_matches(part.lower(), _NAMES, n=1)
        hint = f'did you mean "{_NAMES[near[0]]}"?' if near else 'write it as "Ctrl+Alt+B"'
        raise ValueError(f'"{part}" in it is no key: {hint}')
    return name


def checked(text: str) -> str:
    """For the settings: the text as ``Keys`` writes it; empty stays empty, for no key."""
    return str(Keys.parse(text)) if text.strip() else ""
