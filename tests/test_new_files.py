"""Files that replace no other: each gets a name that is free, however many writers ask at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from bgblur.errors import UsageError
from bgblur.files import create_new, put, refuse_existing, replacing

T = TypeVar("T")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "figures.json"


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def at_once(work: Callable[[int], T], count: int = 8) -> list[T | BaseException]:
    """What ``count`` threads, started together, return or raise."""
    barrier = threading.Barrier(count)

    def run(index: int) -> T | BaseException:
        barrier.wait()
        try:
            return work(index)
        except BaseException as error:
            return error

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


def test_a_new_file_gets_the_first_free_name(path: Path) -> None:
    for taken in ("talk.mp4", "talk-2.mp4", "talk-4.mp4"):
        (path.parent / taken).write_text("older")
    talk = path.parent / "talk.mp4"
    names = [create_new(talk, numbered=True).name for _ in range(2)]
    assert names == ["talk-3.mp4", "talk-5.mp4"]
    assert create_new(path.parent / "free.mp4", numbered=True).name == "free.mp4"
    with pytest.raises(UsageError, match=r"talk\.mp4 exists already: .*--overwrite"):
        create_new(talk)
    assert talk.read_text() == "older"


def new_one(path: Path, _: int) -> Path:
    return create_new(path, numbered=True)


def test_of_many_writers_each_gets_a_name_of_its_own(path: Path) -> None:
    for number in range(20):
        talk = path.parent / f"{number}.mp4"
        names = at_once(partial(new_one, talk))
        wanted = {f"{number}.mp4", *(f"{number}-{part}.mp4" for part in range(2, 9))}
        assert {name.name for name in names if isinstance(name, Path)} == wanted


def test_of_many_files_for_one_name_only_one_gets_it(path: Path) -> None:
    for number in range(20):
        target = path.parent / f"{number}.png"

        def write(index: int, target: Path = target) -> str:
            with replacing(target, overwrite=False, durable=False) as unfinished:
                unfinished.write_text(str(index))
            return str(index)

        done = at_once(write)
        refused = [end for end in done if isinstance(end, UsageError)]
        assert len(refused) == len(done) - 1
        assert [target.read_text()] == [end for end in done if isinstance(end, str)]
    assert len(names_in(path.parent)) == 20, "the others leave nothing"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
@pytest.mark.parametrize("kind", ["file", "empty", "folder", "link to nothing"])
def test_whatever_has_the_name_stays(path: Path, kind: str) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "link to nothing":
        path.symlink_to(path.parent / "nothing")
    else:
        path.write_text("older" * (kind == "file"))
    before = path.lstat()
    new = path.parent / "new"
    new.write_text("new")
    for attempt in (
        lambda: refuse_existing(None, path),
        lambda: create_new(path),
        lambda: put(new, path, "refuse"),
    ):
        with pytest.raises(UsageError, match="exists already"):
            attempt()
    assert put(new, path, "number").name == "figures-2.json"
    assert path.lstat() == before
    assert (path.parent / "figures-2.json").read_text() == "new"
    refuse_existing(path, overwrite=True)


def test_a_name_that_could_not_be_used_is_free_again(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        put(path.parent / "none", path, "number")
    assert names_in(path.parent) == []
