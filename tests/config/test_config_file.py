from __future__ import annotations

import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgblur.config.file import create, default_path, dump, load, parse, set_value, toggle
from bgblur.config.settings import Settings
from bgblur.errors import UsageError

REFERENCE = Path(__file__).resolve().parents[2] / "configs" / "config.toml"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


# ------------------------------------------------------------ load, dump


def test_no_file_at_the_default_place_is_the_defaults(home: Path) -> None:
    assert default_path() == home / "config" / "bgblur" / "config.toml"
    assert load(default_path()) == Settings()


def test_no_file_elsewhere_is_an_error(path: Path) -> None:
    with pytest.raises(UsageError, match=r"config\.toml does not exist: create it"):
        load(path)


def test_byte_order_mark_is_no_error(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf[background]\r\nstrength = 7\r\n")
    assert load(path).background.strength == 7


def test_other_encodings_are_refused_with_their_line(path: Path) -> None:
    path.write_bytes('[background]\nimage = "Büro.jpg"\n'.encode("latin-1"))
    with pytest.raises(UsageError, match=r"^config\.toml line 2: not UTF-8: save it as UTF-8$"):
        load(path)


def test_folder_in_place_of_the_file(path: Path) -> None:
    path.mkdir()
    with pytest.raises(UsageError, match=r"^cannot read .*: Is a directory$"):
        load(path)


BACKGROUNDS = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["blur", "image", "color", "none"]),
        "strength": st.integers(0, 100),
        "image": st.text(st.characters(codec="utf-8"), min_size=1),
        "color": st.from_regex("#[0-9a-f]{6}", fullmatch=True),
    }
)


@settings(deadline=None)
@given(BACKGROUNDS, st.floats(1, 1000), st.integers(3, 32).map(lambda n: n * 32))
def test_dump_is_read_back(background: dict[str, Any], fps: float, height: int) -> None:
    made = Settings.model_validate(
        {"background": background, "camera": {"fps": fps}, "engine": {"input_height": height}}
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(dump(made), encoding="utf-8")
        assert load(path) == made


def test_dump_ends_its_last_line() -> None:
    assert dump(Settings()).endswith("100\n")
    assert dump(Settings.model_validate({"tray": {"presets": []}})).endswith("[]\n")


# ------------------------------------------------------------ create


def test_a_created_file_changes_nothing_and_names_every_key(path: Path) -> None:
    create(path)
    text = path.read_text()
    assert load(path) == Settings()
    tables = {"presets", "controls"}
    for area, keys in Settings():
        assert f"[{area}" in text
        assert all(f"# {key} = " in text for key in type(keys).model_fields if key not in tables)
    opened = re.sub("^# ", "", text.partition("\n")[2], flags=re.MULTILINE)
    assert parse(opened, "config.toml") == Settings()
    set_value(path, "background.strength", 3)
    assert load(path).background.strength == 3


def test_a_file_that_is_there_is_not_created_again(path: Path) -> None:
    path.write_text("[background]\nstrength = 7\n")
    create(path)
    assert load(path).background.strength == 7


def test_create_where_nobody_may_write_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"^cannot write in "):
        create(tmp_path / "file" / "config.toml")


# ------------------------------------------------------------ set: values


AREAS = "camera, output, background, mask, engine, idle, tray"


@pytest.mark.parametrize(
    ("key", "given", "stored"),
    [
        ("background.strength", "30", 30),
        ("camera.mirror", "true", True),
        ("camera.mirror", "no", False),
        ("camera.fps", "30", 30.0),
        ("camera.fps", 25, 25.0),
        ("camera.device", "1", "1"),
        ("camera.device", 2, "2"),
        ("camera.fourcc", "yuyv", "YUYV"),
        ("background.image", "30", "30"),
        ("engine.input_height", "384", 384),
        ("engine.input_height", "auto", "auto"),
    ],
)
def test_values_take_the_type_of_their_key(path: Path, key: str, given: Any, stored: Any) -> None:
    set_value(path, key, given)
    area, name = key.split(".")
    written = tomllib.loads(path.read_text())
    assert written == {area: {name: stored}}
    assert type(written[area][name]) is type(stored)
    assert getattr(getattr(load(path), area), name) == stored


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("background.strenght", 3, 'unknown key background.strenght: did you mean "strength"?'),
        ("background.strength", 101, "background.strength is 101: it must be at most 100"),
        ("background.strength", "x", 'background.strength is "x": it must be a whole number'),
        ("background.strength", True, "background.strength is true: it must be a whole number"),
        ("background.strength", 3.0, "background.strength is 3.0: it must be a whole number"),
        ("camera.mirror", "maybe", 'camera.mirror is "maybe": it must be true or false'),
        ("mask.feather", "nan", 'mask.feather is "nan": it must be a finite number'),
        ("strength", 3, 'unknown key strength: did you mean "background.strength"?'),
        ("mask", 3, "mask is a table and takes no value: set one of mask.refine_edges, "
         "mask.smoothing, mask.feather"),
        ("mask.", 3, "mask is a table and takes no value: set one of mask.refine_edges, "
         "mask.smoothing, mask.feather"),
        ("", 3, f'unknown key "": choose from {AREAS}'),
        ("a.b.c", 3, f"unknown table a: choose from {AREAS}"),
        ("background.mode", "image", 'background.mode is "image" but background.image is empty: '
         "set background.image to a picture file first"),
    ],
)  # fmt: skip
def test_bad_values_are_refused_and_nothing_is_written(
    path: Path, key: str, value: Any, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        set_value(path, key, value)
    assert str(caught.value) == message
    assert not path.exists()


def test_broken_file_is_refused_with_its_line_and_kept(path: Path) -> None:
    path.write_text("[background]\nstrength = 60\nmoed = 1 # precious\n")
    before = path.read_bytes()
    message = r'^config\.toml line 3: unknown key background\.moed: did you mean "mode"\?$'
    with pytest.raises(UsageError, match=message):
        set_value(path, "background.strength", 3)
    with pytest.raises(UsageError, match=message):
        toggle(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "key", ["tray.presets", "tray.presets.0", "tray.presets[1].strength", "tray.presets.strength"]
)
def test_a_list_is_edited_in_the_file(path: Path, key: str) -> None:
    with pytest.raises(UsageError) as caught:
        set_value(path, key, "30")
    assert str(caught.value) == f"tray.presets is a list: edit it in {path}"


# ------------------------------------------------------------ asking for blur


@pytest.mark.parametrize("strength", [1, 60, 80, "80"])
def test_setting_a_strength_ends_the_mode_none(path: Path, strength: int | str) -> None:
    path.write_text('[background]\nstrength = 60\nmode = "none" # as it is\n')
    settings = set_value(path, "background.strength", strength)
    assert settings == load(path)
    assert (settings.background.mode, settings.background.strength) == ("blur", int(strength))
    assert "# as it is" in path.read_text()


@pytest.mark.parametrize("strength", [0, "0"])
def test_strength_0_leaves_the_mode_alone(path: Path, strength: int | str) -> None:
    path.write_text('[background]\nmode = "none"\n')
    assert set_value(path, "background.strength", strength).background.mode == "none"


@pytest.mark.parametrize(("before", "after"), [(0, 45), (33, 33)])
def test_toggle_blurs_where_the_mode_is_none(path: Path, before: int, after: int) -> None:
    set_value(path, "background.strength", 45)
    set_value(path, "background.strength", before)
    set_value(path, "background.mode", "none")
    assert toggle(path) == after
    assert load(path).background.mode == "blur"
    assert toggle(path) == 0


def test_a_lost_file_is_written_again_with_what_was_in_it(path: Path) -> None:
    path.write_text('[camera]\ndevice = "2"\n[output]\npaused = true\n')
    known = load(path)
    path.unlink()
    set_value(path, "background.strength", 30, lost=lambda: known)
    found = load(path)
    assert (found.camera, found.output) == (known.camera, known.output)
    assert found.background.strength == 30


# ------------------------------------------------------------ set: layout


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
