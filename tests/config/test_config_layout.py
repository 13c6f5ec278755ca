"""A value that is set leaves the file's layout, its comments and its other values as they are."""

from __future__ import annotations

import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgblur.config.file import load, set_value
from bgblur.config.settings import Settings
from bgblur.errors import UsageError

REFERENCE = Path(__file__).resolve().parents[2] / "configs" / "config.toml"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "[background]\nstrength = 3\n"),
        ("# mine\n", "# mine\n\n[background]\nstrength = 3\n"),
        (
            "[background]\nstrength  =  60   # soft\n",
            "[background]\nstrength  =  3   # soft\n",
        ),
        (
            '[background]\nmode = "blur" # m\n\n# how steady\n[mask]\nsmoothing = 0.1\n',
            '[background]\nmode = "blur" # m\nstrength = 3\n\n'
            "# how steady\n[mask]\nsmoothing = 0.1\n",
        ),
        (
            'background.mode = "color"\n[mask]\nsmoothing = 0.1\n',
            'background.mode = "color"\nbackground.strength = 3\n[mask]\nsmoothing = 0.1\n',
        ),
        (
            "background = { strength = 60 } # in one\n",
            "background = { strength = 3 } # in one\n",
        ),
        (
            "[mask]\r\nfeather = 0.1 # here\r\n",
            "[mask]\r\nfeather = 0.1 # here\r\n\r\n[background]\r\nstrength = 3\r\n",
        ),
        (
            "[mask]\nfeather = 0.1",
            "[mask]\nfeather = 0.1\n\n[background]\nstrength = 3\n",
        ),
    ],
)
def test_layout_and_comments_stay(path: Path, before: str, after: str) -> None:
    path.write_bytes(before.encode())
    set_value(path, "background.strength", 3)
    assert path.read_bytes().decode() == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "[camera.controls]\ngain = 20\n"),
        (
            "[camera]\nfps = 15.0 # slow\n",
            "[camera]\nfps = 15.0 # slow\n[camera.controls]\ngain = 20\n",
        ),
        (
            "[camera.controls]\nfocus = 3 # near\ngain = 5 # dark\n",
            "[camera.controls]\nfocus = 3 # near\ngain = 20 # dark\n",
        ),
        (
            "[camera]\ncontrols = { focus = 3 } # mine\n",
            "[camera]\ncontrols = { focus = 3, gain = 20} # mine\n",
        ),
    ],
)
def test_a_control_of_the_camera_is_set_beside_the_others(
    path: Path, before: str, after: str
) -> None:
    path.write_text(before)
    assert set_value(path, "camera.controls.gain", "20").camera.controls["gain"] == 20
    assert tomllib.loads(path.read_text()) == tomllib.loads(after)
    assert [line.strip() for line in path.read_text().splitlines() if "#" in line] == [
        line for line in after.splitlines() if "#" in line
    ]
    text = path.read_text()
    with pytest.raises(UsageError, match="an entry's name in quotes"):
        set_value(path, "camera.controls.gain", 1.5)
    assert path.read_text() == text


KEY_VALUES = st.one_of(
    st.tuples(st.just("background.strength"), st.integers(0, 100)),
    st.tuples(st.just("background.image"), st.text(st.characters(codec="utf-8"), max_size=12)),
    st.tuples(st.just("background.color"), st.from_regex("#[0-9a-f]{6}", fullmatch=True)),
    st.tuples(st.just("camera.mirror"), st.booleans()),
    st.tuples(st.just("camera.fps"), st.floats(1, 1000)),
    st.tuples(st.just("mask.feather"), st.floats(0, 1)),
    st.tuples(st.just("engine.input_height"), st.sampled_from(["auto", 96, 384])),
)
COMMENTS = st.from_regex(r"# [a-z =\[\]\"']{0,12}", fullmatch=True)


@st.composite
def layouts(draw: st.DrawFn) -> str:
    """Valid files in the ways people write them, some of the keys in each, comments between."""
    root: list[str] = []
    tables: list[str] = []
    entries = {
        "background": ["strength = 60", 'image = "a.jpg"', 'color = "#112233"'],
        "camera": ["mirror = true", "fps = 25.0"],
        "mask": ["feather = 0.5"],
        "engine": ["input_height = 128"],
    }
    for area in draw(st.permutations(sorted(entries))):
        chosen = draw(st.lists(st.sampled_from(entries[area]), unique=True))
        style = draw(st.sampled_from(["table", "dotted", "inline", "absent"]))
        notes = draw(st.lists(st.one_of(COMMENTS, st.just("")), max_size=2))
        if style == "table":
            tables += [*notes, f"[{area}]  {draw(COMMENTS)}"]
            for entry in chosen:
                tables += [f"{entry}  {draw(COMMENTS)}", *draw(st.lists(COMMENTS, max_size=1))]
        elif style == "dotted":
            root += [*notes, *(f"{area}.{entry} {draw(COMMENTS)}" for entry in chosen)]
        elif style == "inline":
            root += [*notes, f"{area} = {{ {', '.join(chosen)} }} {draw(COMMENTS)}"]
    if draw(st.booleans()):
        root = draw(st.permutations(root))  # dotted keys need not stand together
    end = draw(st.sampled_from(["", "\n", "\n\n"]))
    return "\n".join(root + tables) + end


@settings(max_examples=200, deadline=None)
@given(layouts(), st.lists(KEY_VALUES, min_size=1, max_size=4))
def test_set_then_load_in_any_layout(text: str, changes: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(text)
        wanted = load(path).model_dump()
        for key, value in changes:
            area, name = key.split(".")
            wanted[area][name] = value
            assert set_value(path, key, value) == Settings.model_validate(wanted)
        assert load(path) == Settings.model_validate(wanted)
        after = path.read_text(encoding="utf-8").split("\n")
        kept = [line for line in text.split("\n") if line.startswith("#")]
        assert [line for line in after if line.startswith("#")] == kept
        for comment in re.findall(r"(?<=.)# [^\n]*", text):
            assert any(line.endswith(comment) for line in after)


def test_reference_file_keeps_every_other_line(path: Path) -> None:
    path.write_bytes(REFERENCE.read_bytes())
    set_value(path, "background.strength", 3)
    pairs = list(
        zip(REFERENCE.read_text().splitlines(), path.read_text().splitlines(), strict=True)
    )
    changed = [(old, new) for old, new in pairs if old != new]
    assert len(changed) == 1
    old, new = changed[0]
    assert new == old.replace("= 60", "= 3")


def test_edit_that_would_lose_something_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("[mask]\nfeather = 0.1\n")
    monkeypatch.setattr(
        "bgblur.config.file.tomlkit.dumps", lambda _: "[background]\nstrength = 3\n"
    )
    with pytest.raises(UsageError, match=r"set background\.strength by hand$"):
        set_value(path, "background.strength", 3)
    assert path.read_text() == "[mask]\nfeather = 0.1\n"
