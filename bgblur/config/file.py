"""``config.toml``: read it, show it, change one key of it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomlkit
from platformdirs import user_config_path
from pydantic import BaseModel, ValidationError
from tomlkit.items import Comment, Item, Table, Whitespace

from bgblur.config import state as config_state
from bgblur.config.problems import key_lines, syntax_problem, value_problem
from bgblur.config.settings import Settings
from bgblur.errors import UsageError
from bgblur.files import write_atomically

Value = str | int | float | bool | list[float]

MOST_BYTES = 64 * 1024  # the file with every key in it has two thousand


def default_path() -> Path:
    return user_config_path("bgblur", appauthor=False) / "config.toml"


def load(path: Path) -> Settings:
    """The settings in ``path``, or the defaults if the default location has no file.

    Raises UsageError with the line of the file that cannot be used.
    """
    text = read_text(path)
    if text is None:
        if path != default_path():
            raise UsageError(f"{path} does not exist: create it, or leave out --config")
        return Settings()
    return parse(text, path.name)


def read_text(path: Path) -> str | None:
    """The file's text; None if there is no such file. Raises UsageError if it is unreadable."""
    try:
        # A pipe or a device may have no end.
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "a device or a pipe"
            raise UsageError(f"cannot read {path}: it is {what}, not a file; check the name")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}; check its name and its permissions"
        ) from None
    if len(data) > MOST_BYTES:
        raise UsageError(f"{path.name} is longer than {MOST_BYTES} bytes: is it the right file?")
    try:
        return data.decode("utf-8-sig")  # Windows editors may begin it with a byte order mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path.name} line {line}: not UTF-8: save it as UTF-8") from None


def parse(text: str, name: str) -> Settings:
    """The settings in TOML ``text``. ``name`` is the file's name in messages. Raises UsageError."""
    return _validate(_tables(text, name), text, name)


def dump(settings: Settings) -> str:
    """The settings as TOML, which ``parse`` reads back."""
    return tomlkit.dumps(settings.model_dump())


def create(path: Path) -> None:
    """Write ``path`` with every key and its default, all as comments. An existing file stays.

    Raises UsageError if it cannot be written.
    """
    with _writing(path) as target:
        if not target.exists():
            defaults = dump(Settings()).splitlines()
            lines = ["# Every key with its default: remove the # of a [table] and its keys.", ""]
            lines += [f"# {line}" if line else "" for line in defaults]
            write_atomically(target, "\n".join(lines) + "\n")


def set_value(
    path: Path, key: str, value: Value, lost: Callable[[], Settings] | None = None
) -> Settings:
    """Change one key (``background.strength``) of the file. Returns the settings it then holds.

    Text is converted to the key's type. Comments and layout stay; a missing file is created
    with this key alone; a link is followed. A strength above 0 asks for blur, and ends the mode
    "none". ``lost`` returns the settings that a running daemon has read from a file that is
    missing or empty now: these are written again, too. Raises UsageError, and changes nothing, if
    the file is broken or the result would be.
    """
    with _writing(path) as target:
        return _set(target, key, value, lost)


def toggle(path: Path) -> int:
    """Turn the blur off, or on again with the last strength. Returns the new strength."""
    with _writing(path) as target:
        background = parse(read_text(target) or "", target.name).background
        on = background.strength > 0 and background.mode != "none"
        strength = 0 if on else background.strength or config_state.last_strength(target)
        return _set(target, "background.strength", strength).background.strength


def toggle_pause(path: Path) -> bool:
    """Pause, or go on. Returns whether it is a pause now."""
    with _writing(path) as target:
        paused = parse(read_text(target) or "", target.name).output.paused
        return _set(target, "output.paused", not paused).output.paused


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """Lock the file behind ``path`` (links followed); write errors become UsageError."""
    try:
        target = Path(os.path.realpath(path))
        with config_state.locked(target):
            yield target
    except OSError as error:
        folder = Path(error.filename or path).parent
        raise UsageError(f"cannot write in {folder}: {error.strerror}") from None


def _set(path: Path, key: str, value: Any, lost: Callable[[], Settings] | None = None) -> Settings:
    if isinstance(value, str) and not _is_text(value):
        raise UsageError(f"{key} would not be text in UTF-8: type it again")
    area, _, name = key.partition(".")
    first = re.split(r"[.\[]", name)[0]
    now = getattr(getattr(Settings(), area, None), first, None)
    if isinstance(now, list) and now and isinstance(now[0], BaseModel):
        raise UsageError(f"{area}.{first} is a list: edit it in {path}")
    original = read_text(path) or ""
    # tomlkit writes \n only: the whole file is converted back to \r\n at the end.
    text = original.replace("\r\n", "\n")
    if lost is not None and not text.strip():
        text = _differing(lost())
    if text and not text.endswith("\n"):
        text += "\n"
    data = _tables(text, path.name)
    before = _validate(data, text, path.name)

    key, name, value = _whole_table(key, name, value, data)
    inner = data.get(area, {}) | {name: value} if name else value
    try:
        # Only text is converted: 30.0 or true is not a strength.
        settings = Settings.model_validate(data | {area: inner}, strict=not isinstance(value, str))
    except ValidationError as error:
        raise UsageError(value_problem(error)) from None
    # A whole area, or no key at all, does not validate: here the key is a real one.
    values = {name: getattr(getattr(settings, area), name)}
    if key == "background.strength" and values[name] > 0 and settings.background.mode == "none":
        values["mode"] = "blur"
        blurred = settings.background.model_copy(update={"mode": "blur"})
        settings = settings.model_copy(update={"background": blurred})
    wanted = data | {area: data.get(area, {}) | values}

    changed = text
    for each, new in values.items():
        changed = _edit(changed, area, each, new)
    if tomllib.loads(changed) != wanted:
        raise UsageError(
            f"{path.name} has a layout that cannot be edited safely: set {key} by hand"
        )
    if before.background.strength > 0 == settings.background.strength:
        config_state.remember_strength(path, before.background.strength)
    if "\r\n" in original:
        changed = changed.replace("\n", "\r\n")
    if changed != original:
        write_atomically(path, changed)
    if getattr(getattr(before, area), name) == values[name]:
        config_state.note_choice(path, key)
    return settings


def _whole_table(key: str, name: str, value: Any, data: dict[str, Any]) -> tuple[str, str, Any]:
    """``camera.controls`` is the one table within a table: all of it, with one control's new
    value. Other keys stay as they are."""
    if not key.startswith("camera.controls."):
        return key, name, value
    table, _, control = name.partition(".")
    return "camera.controls", table, data.get("camera", {}).get(table, {}) | {control: value}


def _differing(settings: Settings) -> str:
    """TOML of the values that differ from the defaults."""
    defaults = Settings().model_dump()
    tables = {
        area: {name: value for name, value in values.items() if value != defaults[area][name]}
        for area, values in settings.model_dump().items()
    }
    return tomlkit.dumps({area: values for area, values in tables.items() if values})


def _is_text(value: str) -> bool:
    """False for half a character, which JSON's escapes and broken file names allow."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _edit(text: str, area: str, name: str, value: Any) -> str:
    document = tomlkit.parse(text)
    if area not in document:
        document[area] = tomlkit.table()
    table: Any = document[area]
    following: list[tuple[Any, Item]] = []
    if isinstance(table, Table) and name not in table:
        # Comments at the end of a table describe the next one: the new key goes before them.
        body = table.value.body
        while body and isinstance(body[-1][1], Whitespace | Comment):
            following.insert(0, body.pop())
    if isinstance(value, dict):  # [camera.controls]: what stands in it keeps its comments
        inner = table.setdefault(name, tomlkit.table())
        inner.update({key: new for key, new in value.items() if inner.get(key) != new})
    else:
        table[name] = value
    if following:
        table.value.body.extend(following)
    return tomlkit.dumps(document)


def _tables(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} {syntax_problem(text, error)}") from None


def _validate(data: dict[str, Any], text: str, name: str) -> Settings:
    try:
        return Settings.model_validate(data, strict=True)
    except ValidationError as error:
        raise UsageError(f"{name} {value_problem(error, key_lines(text))}") from None
