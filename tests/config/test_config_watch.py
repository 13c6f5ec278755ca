"""Edits of the file reach the watcher's owner: however an editor writes, in time and in order."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.config_watching import Heard, in_place, renamed_over, with_strength

from bgblur.config.file import parse, set_value
from bgblur.config.settings import Settings
from bgblur.config.watch import ConfigWatcher

pytest_plugins = ["support.config_watching"]


def in_place_slowly(path: Path, text: str) -> float:
    """Truncated first, written a moment later."""
    with path.open("w") as file:
        file.flush()
        time.sleep(0.09)
        file.write(text)
    return time.monotonic()


def backed_up_and_written_again(path: Path, text: str) -> float:
    """As vim does where it may not rename over the file."""
    path.rename(path.with_name("config.toml~"))
    time.sleep(0.09)
    path.write_text(text)
    return time.monotonic()


EDITORS = [in_place, in_place_slowly, renamed_over, backed_up_and_written_again]


@pytest.mark.usefixtures("watching")
@pytest.mark.parametrize("edit", EDITORS, ids=lambda edit: edit.__name__)
def test_edits_arrive_in_time_and_once(
    edit: Callable[[Path, str], float], path: Path, heard: Heard
) -> None:
    for strength in (10, 20, 30):
        edited = edit(path, with_strength(strength))
        assert heard.strength(edited) == strength
    assert heard.nothing()


@pytest.mark.usefixtures("watching")
def test_own_writes_arrive(path: Path, heard: Heard) -> None:
    set_value(path, "background.strength", 15)
    assert heard.strength(time.monotonic()) == 15


def test_folder_created_later_deleted_and_created_again(tmp_path: Path, heard: Heard) -> None:
    path = tmp_path / "new" / "bgblur" / "config.toml"
    with ConfigWatcher(path, heard.note, heard.note):
        for strength in (10, 20):
            path.parent.mkdir(parents=True)
            edited = in_place(path, with_strength(strength))
            if strength == 20:
                assert heard.next(edited) is None
            assert heard.strength(edited) == strength
            shutil.rmtree(path.parents[1])
            assert "is missing" in str(heard.next(time.monotonic()))


def test_link_to_a_file_elsewhere(tmp_path: Path, heard: Heard) -> None:
    folders = [tmp_path / name for name in ("here", "one", "two")]
    for folder in folders:
        folder.mkdir()
    here, one, two = (folder / "config.toml" for folder in folders)
    one.write_text(with_strength(60))
    two.write_text(with_strength(70))
    here.symlink_to(one)
    with ConfigWatcher(here, heard.note, heard.note):
        assert heard.strength(in_place(one, with_strength(10))) == 10
        assert heard.strength(renamed_over(one, with_strength(20))) == 20
        here.unlink()
        here.symlink_to(two)
        assert heard.strength(time.monotonic()) == 70
        assert heard.strength(in_place(two, with_strength(30))) == 30


@pytest.mark.usefixtures("watching")
def test_equal_settings_are_not_reported(path: Path, heard: Heard) -> None:
    in_place(path, "# a comment\n[background]\nstrength = 60 # the same\n")
    assert heard.nothing()
    path.touch()
    path.with_name("other.toml").write_text("x")
    assert heard.nothing()


def test_an_edit_before_start_reaches_a_caller_with_old_ones(path: Path, heard: Heard) -> None:
    path.write_text(with_strength(10))
    in_use = [Settings()]

    def use(settings: Settings) -> None:
        in_use[0] = settings
        heard.note(settings)

    with ConfigWatcher(path, use, heard.note, current=lambda: in_use[0]):
        assert heard.strength(time.monotonic()) == 10
        assert heard.nothing()


def test_a_change_that_was_taken_back_is_reported_to_a_caller_with_the_change(
    path: Path, heard: Heard
) -> None:
    """The caller wrote strength 0 itself, and another program the old one again, before the
    watcher looked: the file is as the watcher knows it, and the caller is not."""
    in_use = [parse(with_strength(60), "c")]
    watcher = ConfigWatcher(path, heard.note, heard.note, current=lambda: in_use[0])
    watcher._check()
    assert heard.empty()
    in_use[0] = parse(with_strength(0), "c")
    watcher._check()
    assert heard.strength(time.monotonic()) == 60


def test_without_file_events_the_ticks_are_fast_enough(
    path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may be out of inotify watches."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr("bgblur.config.watch.watch", fail)
    with ConfigWatcher(path, heard.note, heard.note):
        assert heard.strength(in_place(path, with_strength(10))) == 10


def write_all(path: Path) -> None:
    for strength in range(101):
        set_value(path, "background.strength", strength)


@pytest.mark.usefixtures("watching")
def test_slider_dragged_in_another_process_ends_where_it_was_left(path: Path, heard: Heard) -> None:
    process = multiprocessing.get_context("spawn").Process(target=write_all, args=(path,))
    process.start()
    process.join()
    ended = time.monotonic()
    assert process.exitcode == 0
    # Many of the values on the way may be skipped, none of them comes out of order.
    seen: list[int] = []
    while not seen or seen[-1] != 100:
        seen.append(heard.strength(ended))
    assert seen == sorted(set(seen))
    assert heard.nothing()


def test_stop_is_prompt_and_final(path: Path, heard: Heard) -> None:
    for _ in range(3):
        watcher = ConfigWatcher(path, heard.note, heard.note)
        watcher.start()
        time.sleep(0.1)
        asked = time.monotonic()
        watcher.stop()
        assert heard.at_once(asked)
        watcher.stop()
        watcher._thread.join(60)
        assert not watcher._thread.is_alive()
    in_place(path, with_strength(10))
    assert heard.nothing()


def test_stop_from_within_a_call(path: Path) -> None:
    stopped = threading.Event()

    def stop(_: Settings) -> None:
        watcher.stop()
        stopped.set()

    watcher = ConfigWatcher(path, stop, lambda _: None)
    watcher.start()
    in_place(path, with_strength(10))
    assert stopped.wait(60)


def test_stop_does_not_wait_for_a_stuck_call(path: Path, heard: Heard) -> None:
    entered, release = threading.Event(), threading.Event()

    def stick(_: Settings) -> None:
        entered.set()
        release.wait(60)

    watcher = ConfigWatcher(path, stick, lambda _: None)
    watcher.start()
    in_place(path, with_strength(10))
    assert entered.wait(60)
    asked = time.monotonic()
    watcher.stop()
    assert heard.at_once(asked)
    release.set()


def test_idle_watching_costs_almost_nothing(path: Path, heard: Heard) -> None:
    with ConfigWatcher(path, heard.note, heard.note):
        time.sleep(0.3)
        before = sum(os.times()[:2])
        time.sleep(2.0)
        used = sum(os.times()[:2]) - before
    assert used < 0.1  # 5 % of a core; other threads of the test run included
