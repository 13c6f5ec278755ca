"""Any content of the configuration file gives settings or an error of one line."""

from __future__ import annotations

import contextlib
import os
import string
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import example, given, reject
from hypothesis import strategies as st
from support.fuzzing import one_line_at_most, tries

from bgblur.config import file as config_file
from bgblur.config.file import MOST_BYTES, create, load, parse, set_value, toggle
from bgblur.config.settings import Settings
from bgblur.errors import BgblurError, UsageError

KEYS = [
    f"{area}.{key}"
    for area, field in Settings.model_fields.items()
    for key in type(field.default).model_fields
]
LEAVES = (
    st.integers()
    | st.integers(min_value=-(10**30), max_value=10**30)
    | st.floats()
    | st.booleans()
    | st.text(max_size=30)
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.sampled_from(["auto", "image", "~", "~nobody/x", "\0", "/dev/zero", "#12345g", "x" * 5000])
)
NAMES = st.text(string.ascii_letters, max_size=8) | st.text(max_size=8)
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
KNOWN = st.sampled_from([*Settings.model_fields, *(key.partition(".")[2] for key in KEYS)])
PIECES = st.sampled_from([
    *(f"[{area}]" for area in Settings.model_fields), *(key.partition(".")[2] for key in KEYS),
    *KEYS, "[[tray.presets]]", "presets", "name", "strength", "=", " = ", ".", ",", "\n", "\r\n",
    "\r", "#", "# a\x1b[2Jb", '"', "'", '"""', "'''", "\\", "\\u0000", "[", "]", "{", "}", "[[",
    "]]", "0", "1", "30", "-1", "1e999", "nan", "inf", "0xffffffffffffffffffffffff", "true", "yes",
    "'text'", '"blur"', '"image"', "\ufeff", "\u2028", "\x85", "\t", "é", "\U0001f600",
    "1979-05-27", "07:32:00", "0x" + "f" * 5000, "9" * 5000,
])  # fmt: skip


def read(path: Path, data: bytes) -> Settings | None:
    """What the daemon makes of a file that holds ``data``."""
    path.write_bytes(data)
    made: list[Settings] = []
    with one_line_at_most():
        made.append(load(path))
    return made[0] if made else None


@tries(60)
@given(st.binary(max_size=200))
@example(b"\xff\xfe[\0c\0")
@example(b"[camera]\nwidth = \xc3\x28")
def test_bytes(tmp_path: Path, data: bytes) -> None:
    read(tmp_path / "config.toml", data)


@tries(120)
@given(st.lists(PIECES, max_size=25).map("".join))
@example("background = 0x" + "f" * 5000)
@example("[camera]\nwidth = " + "[" * 5000)
@example("\x1b[31m = yes")
@example('"a\\u001b[31m" = 1')
def test_text_that_is_nearly_toml(tmp_path: Path, text: str) -> None:
    read(tmp_path / "config.toml", text.encode())


def as_toml(tree: dict[str, Any]) -> bytes:
    """Rejects what tomlkit itself cannot write."""
    try:
        return tomlkit.dumps(tree).encode()
    except (ValueError, TypeError):
        reject()


@tries(120)
@given(st.dictionaries(KNOWN | NAMES, TREES, max_size=4))
def test_toml_of_any_content(tmp_path: Path, tree: dict[str, Any]) -> None:
    read(tmp_path / "config.toml", as_toml(tree))


@tries(150)
@given(st.sampled_from(KEYS), TREES)
@example("engine.input_height", 10**400)
def test_any_value_at_any_key(tmp_path: Path, key: str, value: Any) -> None:
    area, _, name = key.partition(".")
    settings = read(tmp_path / "config.toml", as_toml({area: {name: value}}))
    if settings is not None:
        assert parse(config_file.dump(settings), "again") == settings


@pytest.mark.parametrize("key", KEYS)
def test_a_number_of_many_digits(tmp_path: Path, key: str) -> None:
    """Python itself refuses to print it."""
    area, _, name = key.partition(".")
    for number in ("0x" + "f" * 5000, "9" * 5000, "1e" + "9" * 5000):
        read(tmp_path / "config.toml", f"[{area}]\n{name} = {number}\n".encode())


@tries(80)
@given(
    st.lists(PIECES, max_size=12).map("".join),
    st.sampled_from(KEYS) | st.text(max_size=20),
    st.text(max_size=20) | st.integers() | st.floats() | st.booleans(),
)
@example("background.strength = 1\n", "background.mode", "color")
@example("background = {strength = 1}\n", "background.mode", "color")
@example("[background]\r\nstrength = 1\r\n", "background.mode", "color")
@example("", "background.image", "\0")
@example("", "background.image", "\ud800")
def test_a_change_of_any_file(tmp_path: Path, text: str, key: str, value: Any) -> None:
    """It changes this key and keeps every comment, or nothing."""
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode())
    try:
        with one_line_at_most():
            set_value(path, key, value)
            load(path)
    finally:
        with contextlib.suppress(ValueError, UnicodeDecodeError):
            before = tomllib.loads(text.removeprefix("\ufeff"))
            after = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
            area, _, name = key.partition(".")
            for tree in (before, after):
                tree.setdefault(area, {}).pop(name, None)
            assert before == after
    assert path.read_bytes().count(b"#") >= text.encode().count(b"#") - str(value).count("#")


@tries(40)
@given(st.integers(0, 100), st.booleans())
def test_comments_survive_a_round_trip(tmp_path: Path, strength: int, mirror: bool) -> None:
    path = tmp_path / "config.toml"
    path.unlink(missing_ok=True)
    create(path)
    lines = [line.removeprefix("# ") for line in path.read_text().splitlines()[1:]]
    commented = [f"{line}  # remark {i}" if "=" in line else line for i, line in enumerate(lines)]
    path.write_text("\n".join(commented))
    set_value(path, "background.strength", strength)
    settings = set_value(path, "camera.mirror", mirror)
    assert (settings.background.strength, settings.camera.mirror) == (strength, mirror)
    assert load(path) == settings
    after = path.read_text()
    assert [i for i in range(len(lines)) if f"# remark {i}\n" in after + "\n"] == [
        i for i, line in enumerate(commented) if "# remark" in line
    ]


LONG = {
    "open text": 'a = """' + "\n" * 60000,
    "closed text": 'a = """' + "\n" * 60000 + '"""\n',
    "brackets": "[[[[" * 15000,
    "lists": "a=[\n" * 15000,
    "comments": "camera.width = 'x'\n" + "# a\n" * 15000,
    "open list": "x = [" + "\n1," * 20000,
    "wide lines": 'a = """' + ("x" * 600 + "\n") * 100,
    "many keys": "[x]\n" + "".join(f"a{i} = 1\n" for i in range(5000)),
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_mistake_is_reported_soon(tmp_path: Path, name: str) -> None:
    began = time.process_time()  # a busy disk may delay the write itself
    read(tmp_path / "config.toml", LONG[name].encode())
    assert time.process_time() - began < 5


# ------------------------------------------------------------ the file itself


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """/dev/zero has no end, and a pipe without a writer would be waited for."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        for action in (load, toggle):
            with pytest.raises(UsageError, match=r"it is a .*, not a file; check the name"):
                action(path)


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    with path.open("wb") as file:
        file.truncate(10**12)  # sparse
    with pytest.raises(UsageError, match=f"longer than {MOST_BYTES} bytes"):
        load(path)


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    for path in (tmp_path / ("x" * 300), tmp_path / "a\nb\x1b[2J\udcff"):
        for action in (load, toggle):
            with contextlib.suppress(BgblurError), one_line_at_most():
                action(path)


def test_new_files_are_the_users_alone(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    set_value(path, "background.strength", 10)
    toggle(path)
    written = [path, *(file for file in (home / "state").rglob("*.strength"))]
    assert len(written) > 1
    for file in written:
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_link_into_a_folder_of_dotfiles_stays_one(tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "bgblur.toml").write_text("# mine\n")
    (dotfiles / "bgblur.toml").chmod(0o640)
    link = tmp_path / "config.toml"
    link.symlink_to("dotfiles/bgblur.toml")
    set_value(link, "background.strength", 10)
    assert link.is_symlink()
    kept = (dotfiles / "bgblur.toml").read_text()
    assert kept.startswith("# mine\n")
    assert "strength = 10" in kept
    assert (dotfiles / "bgblur.toml").stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in dotfiles.iterdir()) == ["bgblur.toml"]


def test_links_in_a_circle_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.toml").symlink_to("b.toml")
    (tmp_path / "b.toml").symlink_to("a.toml")
    for action in (load, toggle):
        with pytest.raises(UsageError, match="symbolic links"):
            action(tmp_path / "a.toml")
