from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.faults.fairness import Heartbeat

from bgblur.config.file import parse, set_value
from bgblur.config.settings import Settings
from bgblur.config.watch import HALF_WRITTEN, ConfigWatcher

PROMISE = 0.5  # seconds from edit to call
QUIET = 0.7  # seconds after which a call would have come


class Heard:
    """What the watcher reported: settings, problems and None (problem gone), in order. Time that
    the machine itself takes, by ``heart``, does not count."""

    def __init__(self, heart: Heartbeat) -> None:
        self._heart = heart
        self._told: queue.Queue[tuple[float, Settings | str | None]] = queue.Queue()

    def note(self, what: Settings | str | None) -> None:
        self._told.put((time.monotonic(), what))

    def next(self, since: float) -> Settings | str | None:
        """The next call; it must have come within the promise."""
        at, what = self._told.get(timeout=60)
        assert at - since < PROMISE + self._lost(since)
        return what

    def at_once(self, since: float) -> bool:
        return time.monotonic() - since < PROMISE + self._lost(since)

    def _lost(self, since: float) -> float:
        return 2 * self._heart.lost(since)[1]

    def strength(self, since: float) -> int:
        got = self.next(since)
        if isinstance(got, str) and self._lost(since - PROMISE):
            # The machine stood still while the file was half written: that half was seen to rest.
            assert self.next(since) is None
            got = self.next(since)
        assert isinstance(got, Settings)
        return got.background.strength

    def empty(self) -> bool:
        return self._told.empty()

    def nothing(self) -> bool:
        time.sleep(QUIET)
        return self._told.empty()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(with_strength(60))
    return path


@pytest.fixture
def heard() -> Iterator[Heard]:
    with Heartbeat() as heart:
        yield Heard(heart)


@pytest.fixture
def watching(path: Path, heard: Heard) -> Iterator[None]:
    with ConfigWatcher(path, heard.note, heard.note):
        yield


def with_strength(strength: int) -> str:
    return f"[background]\nstrength = {strength}\n"


def in_place(path: Path, text: str) -> float:
    path.write_text(text)
    return time.monotonic()


def in_place_slowly(path: Path, text: str) -> float:
    """Truncated first, written a moment later."""
    with path.open("w") as file:
        file.flush()
        time.sleep(0.09)
        file.write(text)
    return time.monotonic()


def renamed_over(path: Path, text: str) -> float:
    temporary = path.with_name(".config.toml.swp")
    temporary.write_text(text)
    temporary.replace(path)
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


def test_file_created_later_and_deleted(tmp_path: Path, heard: Heard) -> None:
    """A file that vanishes changes nothing: it is reported until it is there again."""
    path = tmp_path / "config.toml"
    with ConfigWatcher(path, heard.note, heard.note):
        assert heard.strength(in_place(path, with_strength(10))) == 10
        path.unlink()
        assert heard.next(time.monotonic()) == (
            "config.toml is missing: the last settings stay in force until it has text again"
        )
        assert heard.next(in_place(path, with_strength(10))) is None
        assert heard.nothing(), "it is as it was"
        assert heard.strength(in_place(path, with_strength(20))) == 20


@pytest.mark.usefixtures("watching")
@pytest.mark.parametrize("text", ["", "\n  \n"])
def test_an_emptied_file_changes_nothing(path: Path, heard: Heard, text: str) -> None:
    assert heard.strength(in_place(path, with_strength(10))) == 10
    said = heard.next(in_place(path, text))
    assert str(said).startswith("config.toml is empty: the last settings stay in force")
    assert heard.next(in_place(path, with_strength(10))) is None
    assert heard.nothing()


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
def test_a_bad_edit_is_one_line_and_its_repair_is_reported(path: Path, heard: Heard) -> None:
    edited = in_place(path, "[background]\nstrenght = 10\n")
    problem = 'config.toml line 2: unknown key background.strenght: did you mean "strength"?'
    assert heard.next(edited) == problem
    # Still bad, in the same way and then in another.
    in_place(path, "[background]\nstrenght = 10\n\n")
    assert heard.nothing()
    edited = in_place(path, "[background]\nstrength = 101\n")
    assert heard.next(edited) == (
        "config.toml line 2: background.strength is 101: it must be at most 100"
    )
    # The last good settings again: nothing to apply, but the problem is gone.
    edited = in_place(path, with_strength(60))
    assert heard.next(edited) is None
    assert heard.nothing()


@pytest.mark.usefixtures("watching")
def test_a_repair_with_new_settings_reports_both(path: Path, heard: Heard) -> None:
    edited = in_place(path, "[background")
    assert isinstance(heard.next(edited), str)
    edited = in_place(path, with_strength(10))
    assert heard.next(edited) is None
    assert heard.strength(edited) == 10


@pytest.mark.usefixtures("watching")
def test_unreadable_file_is_a_problem(path: Path, heard: Heard) -> None:
    path.unlink()
    path.mkdir()
    problem = heard.next(time.monotonic())
    assert isinstance(problem, str)
    assert problem.startswith("cannot read ")


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


WHOLE = "[background]\nstrength = 80\n[output]\npaused = true\n"


@pytest.mark.parametrize("half", ["", WHOLE[:-3], WHOLE[:29], WHOLE[:28], WHOLE[:21]])
def test_a_half_written_file_is_not_read(
    half: str, path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some halves are good, and end a pause or weaken the blur."""
    path.write_text(WHOLE)
    watcher = ConfigWatcher(path, heard.note, heard.note, current=lambda: parse(WHOLE, "c"))
    path.write_text(half)
    rests: list[float] = []

    def the_rest_is_written(seconds: float) -> bool:
        path.write_text(WHOLE)
        rests.append(seconds)
        return False

    monkeypatch.setattr(watcher._stop, "wait", the_rest_is_written)
    watcher._check()
    assert heard.empty()
    assert rests[:1] == [HALF_WRITTEN]


def test_a_file_that_is_still_written_is_given_more_time(
    path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = ConfigWatcher(path, heard.note, heard.note, current=Settings)
    parts = [WHOLE[:40], WHOLE]
    path.write_text(WHOLE[:29])

    def wait(_: float) -> bool:
        path.write_text(parts.pop(0))
        return False

    monkeypatch.setattr(watcher._stop, "wait", wait)
    watcher._check()
    got = heard.next(time.monotonic())
    assert isinstance(got, Settings)
    assert got.output.paused
    assert heard.empty()


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


def test_file_that_was_bad_at_the_start(path: Path, heard: Heard) -> None:
    path.write_text("broken")
    with ConfigWatcher(path, heard.note, heard.note):
        assert isinstance(heard.next(time.monotonic()), str)
        edited = in_place(path, with_strength(60))
        assert heard.next(edited) is None
        assert heard.strength(edited) == 60


def test_a_callback_that_raises_does_not_end_the_watch(
    path: Path, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(settings: Settings) -> None:
        heard.note(settings)
        raise RuntimeError("no such camera")

    with caplog.at_level(logging.ERROR), ConfigWatcher(path, fail, heard.note):
        for strength in (10, 20):
            edited = in_place(path, with_strength(strength))
            assert heard.strength(edited) == strength
    assert [record.getMessage() for record in caplog.records] == [
        "the configuration was read, but applying it failed: no such camera"
    ] * 2


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
