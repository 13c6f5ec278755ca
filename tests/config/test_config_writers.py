from __future__ import annotations

import errno
import multiprocessing
import os
import platform
import stat
from pathlib import Path
from typing import Any

import pytest

from bgblur.config import state as config_state
from bgblur.config.file import load, set_value, toggle
from bgblur.errors import UsageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


# ------------------------------------------------------------ the file


def test_new_file_and_folder_are_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "config.toml"
    set_value(path, "background.strength", 3)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert names_in(path.parent) == ["config.toml"]


@pytest.mark.parametrize("bits", [0o644, 0o640, 0o600])
def test_existing_file_keeps_its_mode(path: Path, bits: int) -> None:
    path.write_text("")
    path.chmod(bits)
    set_value(path, "background.strength", 3)
    assert mode(path) == bits


@pytest.mark.parametrize("there", [True, False])
def test_link_is_followed(tmp_path: Path, there: bool) -> None:
    target = tmp_path / "dotfiles" / "bgblur.toml"
    target.parent.mkdir()
    link = tmp_path / "config.toml"
    link.symlink_to("dotfiles/bgblur.toml")
    if there:
        target.write_text("# tracked\n")
    set_value(link, "background.strength", 3)
    assert link.is_symlink()
    assert load(target).background.strength == 3
    assert names_in(target.parent) == ["bgblur.toml"]


def test_same_value_leaves_the_file_alone(path: Path) -> None:
    set_value(path, "background.strength", 3)
    before = path.stat()
    set_value(path, "background.strength", "3")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_full_disk_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("[background]\nstrength = 60 # keep\n")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UsageError, match=r"^cannot write in .*: No space left on device$"):
            set_value(path, "background.strength", 3)
    assert path.read_text() == "[background]\nstrength = 60 # keep\n"
    assert names_in(path.parent) == ["config.toml"]


def test_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"^cannot (read|write in) .*"):
        set_value(tmp_path / "file" / "config.toml", "background.strength", 3)


def test_a_locked_file_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_state, "LOCK_PATIENCE", 0.05)
    with (
        config_state.locked(Path(os.path.realpath(path))),
        pytest.raises(UsageError, match="another program has it locked"),
    ):
        set_value(path, "background.strength", 3)


# ------------------------------------------------------------ several writers

KEYS = ["camera.width", "camera.height", "background.strength", "mask.feather"]


def write_often(path: Path, key: str, times: int) -> None:
    for number in range(1, times + 1):
        set_value(path, key, 1 / number if key == "mask.feather" else 16 + number)


def toggle_often(path: Path, times: int) -> None:
    for _ in range(times):
        toggle(path)


def run_all(*jobs: tuple[Any, tuple[Any, ...]]) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=job, args=arguments) for job, arguments in jobs]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)


def test_writers_in_several_processes_lose_nothing(path: Path) -> None:
    path.write_text("# shared\n")
    run_all(*((write_often, (path, key, 20)) for key in KEYS))
    got = load(path)
    assert (got.camera.width, got.camera.height) == (36, 36)
    assert got.background.strength == 36
    assert got.mask.feather == 1 / 20
    assert path.read_text().startswith("# shared\n")
    assert names_in(path.parent) == ["config.toml"]


def test_toggles_in_several_processes_all_count(path: Path) -> None:
    set_value(path, "background.strength", 80)
    run_all((toggle_often, (path, 15)), (toggle_often, (path, 16)))
    assert load(path).background.strength == 0
    assert toggle(path) == 80


# ------------------------------------------------------------ toggle


def test_toggle_goes_back_to_the_last_strength(path: Path) -> None:
    path.write_text("[background]\nstrength = 35 # mine\n")
    assert [toggle(path), toggle(path), toggle(path)] == [0, 35, 0]
    assert path.read_text() == "[background]\nstrength = 0 # mine\n"


def test_toggle_remembers_a_strength_set_to_zero_by_others(path: Path) -> None:
    set_value(path, "background.strength", 85)
    set_value(path, "background.strength", 0)
    assert toggle(path) == 85


def test_toggle_without_a_file_or_a_memory(path: Path, tmp_path: Path) -> None:
    assert toggle(path) == 0
    other = tmp_path / "other.toml"
    other.write_text("[background]\nstrength = 0\n")
    assert toggle(other) == 60


@pytest.mark.parametrize("rubbish", ["", "x", "0", "1000"])
def test_damaged_memory_is_the_default(path: Path, rubbish: str, home: Path) -> None:
    set_value(path, "background.strength", 85)
    assert toggle(path) == 0
    for memory in (home / "state" / "bgblur").glob("*.strength"):
        memory.write_text(rubbish)
    assert toggle(path) == 60


def test_each_file_has_its_own_memory_and_a_link_shares_its_targets(tmp_path: Path) -> None:
    one, two, link = (tmp_path / name for name in ("one.toml", "two.toml", "link.toml"))
    link.symlink_to(one)
    set_value(one, "background.strength", 10)
    set_value(two, "background.strength", 20)
    assert [toggle(link), toggle(two), toggle(one), toggle(two)] == [0, 0, 10, 20]


# ------------------------------------------------------------ choices


def test_a_choice_that_changes_nothing_is_noted_for_its_key_alone(
    path: Path, tmp_path: Path
) -> None:
    path.write_text("[background]\nstrength = 60\n")
    link, other = tmp_path / "link.toml", tmp_path / "other.toml"
    link.symlink_to(path)
    other.write_bytes(path.read_bytes())
    keys = ["background.strength", "background.mode"]
    choices = [config_state.Choices(name, keys) for name in (path, link, other)]
    set_value(path, "background.strength", 60)
    assert [choice.new() for choice in choices] == [["background.strength"]] * 2 + [[]]
    for _ in range(100):  # faster than the kernel's own time of a file moves
        set_value(link, "background.strength", "60")
        assert choices[0].new() == ["background.strength"]
    assert choices[0].new() == []
    set_value(path, "background.strength", 61)
    assert choices[0].new() == [], "the file itself says that"


@pytest.mark.skipif(platform.system() != "Linux", reason="the state folder moves on Linux only")
def test_the_mark_of_a_choice_is_private(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = path.with_name("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    path.write_text("[background]\nstrength = 60\n")
    set_value(path, "background.strength", 60)
    (mark,) = (state / "bgblur").glob("*.chosen")
    assert mode(mark) == 0o600
    assert mode(mark.parent) == 0o700
    assert mark.stat().st_size == 0
