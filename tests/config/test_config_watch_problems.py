"""A file that is lost, bad or half written changes nothing, and is reported until it is well."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest
from support.config_watching import Heard, in_place, with_strength

from bgblur.config.file import parse
from bgblur.config.settings import Settings
from bgblur.config.watch import HALF_WRITTEN, ConfigWatcher

pytest_plugins = ["support.config_watching"]


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
