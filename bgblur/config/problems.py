"""One line for each mistake in a configuration: where it is, what is wrong, what was meant."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bgblur.addresses import without_secrets
from bgblur.config.settings import Settings

KeyPath = tuple[str | int, ...]  # numbers are places in a list, from 0

_RULES = {
    "int_type": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_type": "it must be a number",
    "float_parsing": "it must be a number",
    "finite_number": "it must be a finite number",
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
    "string_type": "it must be text in quotes",
    "string_too_short": "it must not be empty",
    "dict_type": "it must be a table, with NAME = VALUE for each",
    "list_type": "it must be a list in [square brackets]",
    "greater_than_equal": "it must be at least {ge:g}",
    "less_than_equal": "it must be at most {le:g}",
    "literal_error": "it must be {expected}",
    "value_error": "{error}",
}

# tomllib's messages, and how to fix what they are about
_SYNTAX_HINTS = {
    "Unescaped '\\'": "put text with a backslash in 'single quotes'",
    "Illegal character '\\n'": "the closing quote is missing",
    'Expected "\'"': "the closing quote is missing",
    "Unterminated string": "the closing quote is missing",
    "Cannot overwrite a value": "{key} is set twice: keep one",
    "Cannot declare": "{key} stands twice, or is a key as well: keep one",
    "Expected '=' after a key": "not valid TOML: write KEY = VALUE or [TABLE]",
    "Invalid statement": "not valid TOML: write KEY = VALUE or [TABLE]",
}

# Mistakes of several keys together, which name them; and the key whose line is shown.
_OF_SEVERAL = {"image_missing": "mode", "same_key": "pause_key"}

_MOST_LINES = 100  # of one statement

_SWITCHES = {"true": "true", "yes": "true", "on": "true"}
_SWITCHES |= {"false": "false", "no": "false", "off": "false"}


class Statement(NamedTuple):
    """A table header, a key with its value, or a comment; lines count from 1, both inclusive."""

    first: int
    last: int
    is_header: bool
    data: dict[str, Any]


def statements(text: str) -> Iterator[Statement]:
    """Cut TOML into statements: a value that spans lines parses only once it is whole.

    TOML parsers do not report where a key is. This asks tomllib itself, so that only one parser
    reads quotes and brackets. Stops before a statement that never becomes whole, or has too many
    lines: each of them costs another parse.
    """
    first, pending = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        if number - first >= _MOST_LINES:
            return
        pending += line + "\n"
        try:
            data = tomllib.loads(pending)
        except (ValueError, RecursionError):
            continue
        yield Statement(first, number, pending.lstrip().startswith("["), data)
        first, pending = number + 1, ""


def key_lines(text: str) -> dict[KeyPath, int]:
    """The first line of each table, key and member of a list in a valid TOML text."""
    source = text.split("\n")
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for statement in statements(text):
        if statement.is_header:
            table = _opened(statement.data, counts)
            found = {table[:length]: statement.first for length in range(1, len(table) + 1)}
        else:
            found = _member_lines(source, statement) if statement.last > statement.first else {}
            found |= {p: statement.first for p in _paths(statement.data) if p not in found}
            found = {(*table, *path): line for path, line in found.items()}
        for path, line in found.items():
            lines.setdefault(path, line)
    return lines


def _opened(header: dict[str, Any], counts: dict[KeyPath, int]) -> KeyPath:
    """The table that ``[a.b]`` or ``[[a.b]]`` opens; ``counts`` has each list's last index."""
    path: KeyPath = ()
    inner: Any = header
    while inner:
        ((key, inner),) = inner.items()
        path = (*path, key)
        if isinstance(inner, list):
            counts[path] = counts.get(path, -1) + 1
            inner = inner[0]
        if path in counts:
            path = (*path, counts[path])
    return path


def _member_lines(source: list[str], statement: Statement) -> dict[KeyPath, int]:
    """The lines of the members of a list that spans lines: a line that is parsed adds its own."""
    lines: dict[KeyPath, int] = {}
    for number in range(statement.first, statement.last + 1):
        begun = "\n".join(source[statement.first - 1 : number])
        try:
            data = tomllib.loads(begun + "\n]" * (number < statement.last))
        except (ValueError, RecursionError):
            continue
        for path in _paths(data):
            if any(isinstance(part, int) for part in path):
                lines.setdefault(path, number)
    return lines


def _paths(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else ()
    for key, member in enumerate(value) if isinstance(value, list) else inner:
        yield from _paths(member, (*path, key))


def syntax_problem(text: str, error: Exception) -> str:
    """``line 7: ...`` for a text that tomllib refused with ``error``."""
    lines = text.split("\n")
    if isinstance(error, RecursionError):
        return "line 1: too many brackets within brackets"
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
    what = str(error)[: place.start()] if place else str(error)
    reported = int(place[1]) if place and place[1] else len(lines)
    # An unclosed bracket or quote is noticed lines later, but has to be fixed where it opened.
    first = 1
    for statement in statements("\n".join(lines[:reported])):
        first = statement.first if statement.last == reported else statement.last + 1
    if place and place[1] and first < reported and what != "Cannot overwrite a value":
        return (
            f"line {first}: the value that begins here is not closed, or wrong on line {reported}"
        )
    return _cut(f"line {first}: {_syntax_hint(lines[first - 1], what)}")


def _syntax_hint(line: str, what: str) -> str:
    key, _, value = (part.strip() for part in line.partition("="))
    for beginning, hint in _SYNTAX_HINTS.items():
        if what.startswith(beginning):
            return hint.format(key=key)
    if what == "Invalid value" and re.match("[A-Za-z/~]", value):
        value = value.partition("#")[0].strip()
        quote = "'" if "\\" in value else '"'
        meant = _SWITCHES.get(value.lower(), f"{quote}{value}{quote}")
        return f"{value} is not a TOML value: write {key} = {meant}"
    return f"not valid TOML: {what[0].lower()}{what[1:]}"


def value_problem(error: ValidationError, lines: Mapping[KeyPath, int] | None = None) -> str:
    """The first mistake as ``line 9: ...``; without ``lines`` (no file), only what is wrong."""
    details = error.errors(include_url=False)
    if lines is None:
        return _cut(_what(details[0]))
    # A missing key may be a misspelt one: then the misspelt key is reported.
    detail = min(details, key=lambda d: (d["type"] == "missing", _line(d, lines)))
    return _cut(f"line {_line(detail, lines)}: {_what(detail)}")


def _line(detail: ErrorDetails, lines: Mapping[KeyPath, int]) -> int:
    path = detail["loc"]
    if detail["type"] in _OF_SEVERAL:
        path = (*path, _OF_SEVERAL[detail["type"]])
    if detail["type"] == "missing":
        path = path[:-1]
    while path and path not in lines:  # its statement is too long to be parsed line by line
        path = path[:-1]
    return lines.get(path, 1)


def _what(detail: ErrorDetails) -> str:
    path, kind, value, context = detail["loc"], detail["type"], detail["input"], detail.get("ctx")
    if kind == "extra_forbidden":
        return _unknown_key(path, is_table=isinstance(value, dict))
    if kind in _OF_SEVERAL:
        return detail["msg"]
    if kind == "missing":
        return f"{dotted(path[:-1])} has no {path[-1]}: it needs {' and '.join(_keys(path[:-1]))}"
    if kind == "model_type":
        return _not_a_table(path, value)
    rule = _RULES.get(kind, "not valid: " + detail["msg"]).format(**context or {})
    if kind == "literal_error":
        rule = rule.replace("'", '"')
    return f"{dotted(path)} is {_shown(value)}: {rule}"


def _not_a_table(path: KeyPath, value: object) -> str:
    if isinstance(path[-1], int):
        keys = ", ".join(f"{key} = ..." for key in _keys(path))
        return f"{dotted(path)} is {_shown(value)}: it must be {{ {keys} }}"
    keys = ", ".join(f"{path[0]}.{key}" for key in _keys(path))
    return f"{dotted(path)} is a table and takes no value: set one of {keys}"


def _unknown_key(path: KeyPath, *, is_table: bool) -> str:
    *table, name = path
    siblings = _keys(table)
    elsewhere = [f"{area}.{name}" for area in _keys(()) if name in _keys((area,))]
    near = get_close_matches(str(name), siblings, n=1) or elsewhere[:1]
    hint = f'did you mean "{near[0]}"?' if near else f"choose from {', '.join(siblings)}"
    return f"unknown {'table' if is_table else 'key'} {dotted(path)}: {hint}"


def _keys(table: Iterable[str | int]) -> list[str]:
    """The keys of a table of the settings, or of a member of a list."""
    model: type[BaseModel] = Settings
    for part in table:
        if isinstance(part, str):
            annotation: Any = model.model_fields[part].annotation
            model = get_args(annotation)[0] if get_args(annotation) else annotation
    return list(model.model_fields)


def dotted(path: KeyPath) -> str:
    """``tray.presets[1].name``, counted from 1; parts that TOML would quote are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += "." + (part if re.fullmatch(r"[\w-]+", part, re.ASCII) else json.dumps(part))
    return text.removeprefix(".")


def _shown(value: object) -> str:
    try:
        return _cut(json.dumps(value, default=str), 60)
    except ValueError:  # Python prints no number of more than 4300 digits
        return "a very long number"


def _cut(text: str, length: int = 500) -> str:
    text = without_secrets(text)  # first: half an address does not tell what is secret in it
    return text if len(text) <= length else text[: length - 3] + "..."
