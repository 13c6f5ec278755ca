"""The file is read, created and written; what is refused leaves it as it was."""

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
    with pytest.raises(
        UsageError, match=r"^cannot read .*: it is a folder, not a file; check the name$"
    ):
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
