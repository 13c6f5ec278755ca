"""One line for whatever is wrong with a configuration: where, what, and what was meant."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bgblur.config import Settings

KeyPath = tuple[str, ...]

AREAS: dict[str, list[str]] = {area: list(type(value).model_fields) for area, value in Settings()}

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
    "greater_than_equal": "it must be at least {ge:g}",
    "less_than_equal": "it must be at most {le:g}",
    "literal_error": "it must be {expected}",
    "value_error": "{error}",
}

# tomllib's complaints, in terms of what to mend
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

    TOML parsers do not tell where a key stood; this asks tomllib itself instead of having a
    second opinion on quotes and brackets. Stops before a statement that never becomes whole.
    """
    first, pending = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        pending += line + "\n"
        try:
            data = tomllib.loads(pending)
        except (ValueError, RecursionError):
            continue
        yield Statement(first, number, pending.lstrip().startswith("["), data)
        first, pending = number + 1, ""


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line on which each table and key of a valid TOML text first stands."""
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for statement in statements(text):
        if statement.is_header:
            table = ()
        paths = list(_paths(statement.data, table))
        for path in paths:
            lines.setdefault(path, statement.first)
        if statement.is_header:
            table = paths[-1]
    return lines


def _paths(data: Mapping[str, Any], parent: KeyPath) -> Iterator[KeyPath]:
    for key, value in data.items():
        yield (*parent, key)
        if isinstance(value, dict):
            yield from _paths(value, (*parent, key))


def syntax_problem(text: str, error: Exception) -> str:
    """``line 7: ...`` for a text that tomllib refused with ``error``."""
    lines = text.split("\n")
    if isinstance(error, RecursionError):
        return "line 1: too many brackets within brackets"
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
    what = str(error)[: place.start()] if place else str(error)
    reported = int(place[1]) if place and place[1] else len(lines)
    # An unclosed bracket or quote is noticed lines later; what needs mending is where it opened.
    first = 1
    for statement in statements("\n".join(lines[:reported])):
        first = statement.first if statement.last == reported else statement.last + 1
    if place and place[1] and first < reported and what != "Cannot overwrite a value":
        return (
            f"line {first}: the value that begins here is not closed, or wrong on line {reported}"
        )
    return f"line {first}: {_syntax_hint(lines[first - 1], what)}"


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
    """The first thing wrong, as ``line 9: ...``; without ``lines`` (no file), just what."""
    details = error.errors(include_url=False)
    if lines is None:
        return _what(details[0])
    line, detail = min(((_line(d, lines), d) for d in details), key=lambda pair: pair[0])
    return f"line {line}: {_what(detail)}"


def _line(detail: ErrorDetails, lines: Mapping[KeyPath, int]) -> int:
    path = tuple(str(part) for part in detail["loc"])
    if detail["type"] == "image_missing":
        path = (*path, "mode")
    return lines[path]


def _what(detail: ErrorDetails) -> str:
    path = tuple(str(part) for part in detail["loc"])
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(path, is_table=isinstance(value, dict))
    if kind == "image_missing":
        return detail["msg"]
    if kind == "model_type":
        keys = ", ".join(f"{path[0]}.{key}" for key in AREAS[path[0]])
        return f"{dotted(path)} is a table and takes no value: set one of {keys}"
    rule = _RULES.get(kind, "not valid: " + detail["msg"]).format(**context)
    if kind == "literal_error":
        rule = rule.replace("'", '"')
    return f"{dotted(path)} is {_shown(value)}: {rule}"


def _unknown_key(path: KeyPath, *, is_table: bool) -> str:
    *area, name = path
    siblings = AREAS[area[0]] if area else list(AREAS)
    elsewhere = [f"{other}.{name}" for other, keys in AREAS.items() if name in keys]
    near = get_close_matches(name, siblings, n=1) or elsewhere[:1]
    hint = f'did you mean "{near[0]}"?' if near else f"there is {', '.join(siblings)}"
    return f"unknown {'table' if is_table else 'key'} {dotted(path)}: {hint}"


def dotted(path: KeyPath) -> str:
    """``background.strength``; parts that TOML would quote are quoted."""
    return ".".join(p if re.fullmatch(r"[\w-]+", p, re.ASCII) else json.dumps(p) for p in path)


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
