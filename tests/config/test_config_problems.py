from __future__ import annotations

import json
import re
import tomllib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgblur.config.file import parse
from bgblur.config.problems import KeyPath, dotted, key_lines, statements
from bgblur.config.settings import Settings
from bgblur.errors import UsageError

# What the user wrote -> the message.
PROBLEMS = {
    '[background]\nmode = "blur"\nstrenght = 50': (
        'line 3: unknown key background.strenght: did you mean "strength"?'
    ),
    "[background]\n\n# so much\nstrength = 101": (
        "line 4: background.strength is 101: it must be at most 100"
    ),
    "background.strength = -1": "line 1: background.strength is -1: it must be at least 0",
    'background = { mode = "blur", strength = "much" }': (
        'line 1: background.strength is "much": it must be a whole number'
    ),
    "[backgruond]\nstrength = 3": 'line 1: unknown table backgruond: did you mean "background"?',
    "strength = 3": 'line 1: unknown key strength: did you mean "background.strength"?',
    "[mask]\nqqq = 1": "line 2: unknown key mask.qqq: choose from refine_edges, smoothing, feather",
    '[background]\nmode = "blurr"': (
        'line 2: background.mode is "blurr": it must be "blur", "image", "color" or "none"'
    ),
    '[background]\ncolor = "#fff"\nmode = "image"': (
        'line 2: background.color is "#fff": it must be a colour in the form "#rrggbb"'
    ),
    '[background]\nstrength = 3\nmode = "image"': (
        'line 3: background.mode is "image" but background.image is empty: '
        "set background.image to a picture file first"
    ),
    "[camera]\nfps = nan": "line 2: camera.fps is NaN: it must be a finite number",
    "[camera]\nmirror = 1": "line 2: camera.mirror is 1: it must be true or false",
    "[engine]\ninput_height = 100": (
        'line 2: engine.input_height is 100: it must be "auto" or a multiple of 32 from 96 to 1024'
    ),
    "\nmask = true": (
        "line 2: mask is a table and takes no value: "
        "set one of mask.refine_edges, mask.smoothing, mask.feather"
    ),
    "[[mask]]\nfeather = 0.1": (
        "line 1: mask is a table and takes no value: "
        "set one of mask.refine_edges, mask.smoothing, mask.feather"
    ),
    '[camera]\ndevice = [\n  "a",\n]': (
        'line 2: camera.device is ["a"]: it must be text in quotes'
    ),
    # The first in the file is reported, whatever the order of the areas.
    "[mask]\nfeather = 2\n[camera]\nfps = 0": ("line 2: mask.feather is 2: it must be at most 1"),
    # A camera's own controls.
    "[camera.controls]\ngain = 1.5": (
        "line 2: camera.controls.gain is 1.5: "
        "it must be a whole number, true, false, or an entry's name in quotes"
    ),
    "[camera]\ncontrols = 5": (
        "line 2: camera.controls is 5: it must be a table, with NAME = VALUE for each"
    ),
    # Lists and their members.
    '[output]\ndevices = ["web",\n""]': 'line 3: output.devices[2] is "": it must not be empty',
    '[output]\ndevices = ["web", "pipewire", "auto"]': (
        'line 2: output.devices is ["web", "pipewire", "auto"]: "auto" may be the same as '
        '"pipewire": write the device that you mean for "auto"'
    ),
    '[output]\ndevices = ["web", "web"]': (
        'line 2: output.devices is ["web", "web"]: "web" stands in it twice: keep one'
    ),
    '[tray]\npresets = [{ name = "x", strength = 200 }]': (
        "line 2: tray.presets[1].strength is 200: it must be at most 100"
    ),
    '[tray]\npresets = [{ name = "x", stren = 20 }]': (
        'line 2: unknown key tray.presets[1].stren: did you mean "strength"?'
    ),
    '[tray]\npresets = [  # mine\n  { name = "x", strength = 0 },\n\n'
    '  # strong\n  { name = "", strength = 2 },\n]': (
        'line 6: tray.presets[2].name is "": it must not be empty'
    ),
    'tray = { presets = [{ name = "x", strength = "y" }] }': (
        'line 1: tray.presets[1].strength is "y": it must be a whole number'
    ),
    '[[tray.presets]]\nname = "x"\nstrength = 1\n[[tray.presets]]\nname = "y"\nstrength = -1': (
        "line 6: tray.presets[2].strength is -1: it must be at least 0"
    ),
    '[[tray.presets]]\nname = "x"\nstrenth = 1': (
        'line 3: unknown key tray.presets[1].strenth: did you mean "strength"?'
    ),
    '[[tray.presets]]\nname = "x"\nstrength = 1\n\n[tray.presets.more]\nstrength = 1': (
        "line 5: unknown table tray.presets[1].more: choose from name, strength"
    ),
    '[tray]\npresets = [{ name = "x" }]': (
        "line 2: tray.presets[1] has no strength: it needs name and strength"
    ),
    "[tray]\npresets = [\n30,\n]": (
        "line 3: tray.presets[1] is 30: it must be { name = ..., strength = ... }"
    ),
    # Keys.
    '[tray]\ntoggle_key = "Ctrl+Alt+PgeUp"': (
        'line 2: tray.toggle_key is "Ctrl+Alt+PgeUp": "PgeUp" in it is no key: '
        'did you mean "PageUp"?'
    ),
    '[tray]\ntoggle_key = "Ctrl+Alt+Ω"': (
        'line 2: tray.toggle_key is "Ctrl+Alt+\\u03a9": "Ω" in it is no key: '
        'write it as "Ctrl+Alt+B"'
    ),
    '[tray]\ntoggle_key = "shift+b"': (
        'line 2: tray.toggle_key is "shift+b": '
        "it needs Ctrl, Alt or Super with it: no other program would get this key"
    ),
    '[tray]\npause_key = "ctrl+alt"': (
        'line 2: tray.pause_key is "ctrl+alt": '
        'it must be one key after its modifiers, as "Ctrl+Alt+B"'
    ),
    '[tray]\ntoggle_key = "F9"\npause_key = "f9"': (
        'line 3: tray.toggle_key and tray.pause_key are both "F9": choose another for one'
    ),
    "[tray]\npause_key = 5": "line 2: tray.pause_key is 5: it must be text in quotes",
    "[tray]\npresets = 30": "line 2: tray.presets is 30: it must be a list in [square brackets]",
    # Not TOML.
    "[background]\nmode = blur # soft": ('line 2: blur is not a TOML value: write mode = "blur"'),
    "[background]\nimage = C:\\room.jpg": (
        "line 2: C:\\room.jpg is not a TOML value: write image = 'C:\\room.jpg'"
    ),
    '[background]\nimage = "C:\\pics"': "line 2: put text with a backslash in 'single quotes'",
    "[camera]\nmirror = True": "line 2: True is not a TOML value: write mirror = true",
    "[camera]\nmirror = off": "line 2: off is not a TOML value: write mirror = false",
    '[camera]\ndevice = "demo\nfps = 3': "line 2: the closing quote is missing",
    "[camera]\ndevice = 'demo": "line 2: the closing quote is missing",
    '[camera]\ndevice = """demo\n\nfps = 3\n': "line 2: the closing quote is missing",
    "[camera]\nfps = 3\nfps = 4": "line 3: fps is set twice: keep one",
    "[camera]\n[mask]\n[camera]": "line 3: [camera] stands twice, or is a key as well: keep one",
    "\n[camera]\nfps": "line 3: not valid TOML: write KEY = VALUE or [TABLE]",
    "[camera]\nfps: 30": "line 2: not valid TOML: write KEY = VALUE or [TABLE]",
    "[camera]\n\nfps = [1,\n2,\nmirror = true\n": (
        "line 3: the value that begins here is not closed, or wrong on line 5"
    ),
    "[camera]\n\nfps = [1,\n2": "line 3: not valid TOML: unclosed array",
    "fps = [\n1]\nfps = [\n1\n]": "line 3: fps is set twice: keep one",
    "[camera": "line 1: not valid TOML: expected ']' at the end of a table declaration",
    "a = " + "[" * 5000: "line 1: too many brackets within brackets",
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("text", PROBLEMS)
def test_a_problem_is_reported_with_its_line_and_what_was_meant(text: str, newline: str) -> None:
    problem = PROBLEMS[text]
    text = text.replace("\n", newline)
    with pytest.raises(UsageError) as caught:
        parse(text, "config.toml")
    assert str(caught.value) == f"config.toml {problem}"


# ------------------------------------------------------------ any layout

VALUES = st.sampled_from(
    [
        "1",
        "-0.5",
        "true",
        '"a # b"',
        "'x = 1'",
        "1979-05-27",
        '"""\nlong = 1\n[text]\n"""',
        "'''a\n# b\n\"\"\"\n'''",
        "[\n  1,\n  # two\n  2,\n]",
        "[ \"]\", '[' ]",
        "[\n  { inner = 1 },\n\n  { inner = [ 2 ],  other = 3 },  # ]\n]",
        '{ inner = 1, "other key" = { deep = "}" } }',
    ]
)
FILLERS = st.sampled_from(["", "   ", "# comment", "# [table]", '# key = "', "\t# '''"])
BARE = st.from_regex("[A-Za-z0-9_-]{1,8}", fullmatch=True)
KEYS = st.one_of(BARE, st.text(max_size=6).map(json.dumps).filter(lambda k: "\\ud" not in k))


@st.composite
def documents(draw: st.DrawFn) -> str:
    """TOML of many layouts; each table and each key within its table is there once."""
    lines: list[str] = []
    for table in draw(st.lists(BARE, max_size=4, unique=True)):
        headed = draw(st.booleans())
        if headed:
            lines.append(
                draw(st.sampled_from([f"[{table}]", f"  [ {table} ]  # t", f"[x.{table}]"]))
            )
            if draw(st.booleans()):
                lines[-1] = f"[[{table}]]"
                lines += draw(st.sampled_from([[], [f"[[ {table} ]]"], [f"[{table}.within]"]]))
        for index, key in enumerate(draw(st.lists(KEYS, max_size=4, unique=True))):
            lines += draw(st.lists(FILLERS, max_size=2))
            written = draw(st.sampled_from([key, f"sub{index} . {key}"]))
            if not headed and not lines:
                written = f"{table}.{written}"
            lines.append(f"{written} = {draw(VALUES)}")
    return "\n".join(lines)


def all_paths(data: object, parent: KeyPath = ()) -> set[KeyPath]:
    if isinstance(data, list):
        data = dict(enumerate(data))
    if not isinstance(data, dict):
        return set()
    inner = [all_paths(value, (*parent, key)) for key, value in data.items()]
    return {(*parent, key) for key in data}.union(*inner)


def valid(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # two of the drawn tables or keys may clash
        return False
    return True


@given(documents().filter(valid))
def test_every_key_has_a_line_that_holds_it(text: str) -> None:
    lines = key_lines(text)
    assert set(lines) == all_paths(tomllib.loads(text))
    source = text.split("\n")
    for path, number in lines.items():
        line = source[number - 1]
        key = path[-1]
        if isinstance(key, str):
            assert key in line or json.dumps(key) in line


@given(documents().filter(valid))
def test_statements_are_the_whole_text(text: str) -> None:
    cut = list(statements(text))
    assert cut[0].first == 1
    assert cut[-1].last == len(text.split("\n"))
    assert all(after.first == before.last + 1 for before, after in pairwise(cut))


@given(
    area=st.sampled_from(sorted(Settings.model_fields)),
    unknown=st.one_of(BARE, st.text(min_size=1, max_size=8)).filter(
        lambda key: "\\ud" not in json.dumps(key)
    ),
    style=st.sampled_from(["header", "dotted", "inline"]),
    above=st.lists(FILLERS, max_size=6),
)
def test_unknown_key_is_refused_on_its_line(
    area: str, unknown: str, style: str, above: list[str]
) -> None:
    written = json.dumps(unknown).replace("\x7f", "\\u007f")
    if unknown in getattr(Settings(), area).model_dump():
        return
    entry = {
        "header": f"[{area}]\n\n{written} = 1",
        "dotted": f"{area}.{written} = 1",
        "inline": f"{area} = {{ {written} = 1 }}",
    }[style]
    text = "\n".join([*above, entry, "# end"])
    with pytest.raises(UsageError) as caught:
        parse(text, "my.toml")
    message = str(caught.value)
    assert "\n" not in message
    place = re.match(r"my\.toml line (\d+): unknown key ", message)
    assert place is not None
    assert written in text.split("\n")[int(place[1]) - 1]
    assert f"unknown key {dotted((area, unknown))}: " in message


@given(st.text(alphabet="ab.=[]{}\"'\\#\n\r \t1,-", max_size=60))
def test_any_text_is_settings_or_one_line(text: str) -> None:
    try:
        parse(text, "config.toml")
    except UsageError as error:
        place = re.fullmatch(r"config\.toml line (\d+): .+", str(error))
        assert place is not None
        assert 1 <= int(place[1]) <= len(text.split("\n"))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a = [\n  1,\n\n  2, 3,\n]", [2, 4, 4]),
        ("a = [1,\n2]", [1, 2]),
        ("a = [\n  [ 1 ],\n  [\n    2\n  ],\n]", [2, 5]),
        ("[[a]]\n[[a]]\nx = 1\n[a.b]\n\n[[a]]", [1, 2, 6]),
        ("[x]\n[[x.y]]\n[[x.y.a]]\n[[x.y]]\n[[x.y.a]]", [3, 5]),
    ],
)
def test_members_of_a_list_have_their_own_lines(text: str, lines: list[int]) -> None:
    found = [line for path, line in key_lines(text).items() if path[-2:-1] == ("a",)]
    assert found == lines
