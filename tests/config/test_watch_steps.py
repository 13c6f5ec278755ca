"""What the watcher makes of each state of the file, step by step, without its thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bgblur.config.settings import Settings
from bgblur.config.watch import HALF_WRITTEN, ConfigWatcher

Told = list[int | str | None]  # strengths, problems, None for a problem that is gone


def with_strength(strength: int) -> str:
    return f"[background]\nstrength = {strength}\n"


class Watch:
    """A watcher of ``path`` that has seen strength 60. ``pause`` happens in each wait for the file
    to rest."""

    def __init__(self, path: Path, **options: object) -> None:
        self.path, self.told = path, Told()
        self.pauses: list[Callable[[], object]] = []
        self.waits: list[float | None] = []
        path.write_text(with_strength(60))
        self.watcher = ConfigWatcher(path, self._changed, self.told.append, **options)  # type: ignore[arg-type]
        self.watcher._thread.start = lambda: None  # type: ignore[method-assign]
        self.watcher._stop.wait = self._wait  # type: ignore[method-assign]
        self.watcher.start()

    def _changed(self, settings: Settings) -> None:
        self.told.append(settings.background.strength)

    def _wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        if self.pauses:
            self.pauses.pop(0)()
        return self.watcher._stop.is_set()

    def check(self) -> Told:
        """What the watcher tells of the file as it is."""
        self.told.clear()
        self.watcher._check()
        return list(self.told)

    def becomes(self, text: str) -> Told:
        self.path.write_text(text)
        return self.check()


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path / "config.toml")


def test_each_good_edit_is_told_once(watch: Watch) -> None:
    assert watch.check() == []
    assert watch.waits == []
    assert watch.becomes(with_strength(10)) == [10]
    assert watch.check() == []
    assert watch.becomes(with_strength(10) + "# a note\n") == []
    assert watch.becomes(with_strength(60)) == [60]


def test_a_bad_edit_leaves_the_settings_and_is_told_once(watch: Watch) -> None:
    (problem,) = watch.becomes("[background]\nstrength = 'much'\n")
    assert isinstance(problem, str)
    assert "config.toml" in problem
    assert watch.check() == []
    assert watch.becomes(with_strength(60)) == [None]
    assert len(watch.becomes("[")) == 1
    assert watch.becomes(with_strength(20)) == [None, 20]


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_a_file_without_text_is_a_problem_and_no_new_settings(
    text: str | None, watch: Watch
) -> None:
    if text is None:
        watch.path.unlink()
    else:
        watch.path.write_text(text)
    what = "missing" if text is None else "empty"
    stays = f"config.toml is {what}: the last settings stay in force until it has text again"
    assert watch.check() == [stays]
    assert watch.check() == []
    assert watch.becomes(with_strength(60)) == [None]


def test_a_file_that_was_never_there_is_no_problem(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "config.toml")
    watch.path.unlink()
    other = ConfigWatcher(watch.path, watch._changed, watch.told.append)
    other._thread.start = lambda: None  # type: ignore[method-assign]
    other.start()
    other._check()
    assert watch.told == []
    assert other._settings == Settings()
    held = ConfigWatcher(watch.path, watch._changed, watch.told.append, current=Settings)
    held._check()
    assert watch.told == []


def test_a_file_is_read_once_it_has_rested(watch: Watch) -> None:
    """The first half asks for less than the whole."""
    watch.path.write_text(with_strength(1))
    watch.pauses = [lambda: watch.path.write_text(with_strength(100))]
    assert watch.check() == [100]
    assert watch.waits == [HALF_WRITTEN, HALF_WRITTEN]
    watch.waits.clear()
    assert watch.becomes(with_strength(50)) == [50]
    assert watch.waits == [HALF_WRITTEN]


@pytest.mark.parametrize("how", ["inode", "size", "time"])
def test_every_sign_of_a_writer_counts(how: str, watch: Watch) -> None:
    """Another file under the name, another size, another time of writing."""

    def writes() -> None:
        before = watch.path.stat()
        if how == "inode":
            other = watch.path.with_name("other")
            other.write_text(with_strength(71))
            other.replace(watch.path)
        elif how == "size":
            watch.path.write_text(with_strength(100))
        else:
            watch.path.write_text(with_strength(71))
        later = before.st_mtime_ns + (how == "time")
        os.utime(watch.path, ns=(later, later))

    watch.path.write_text(with_strength(70))
    watch.pauses = [writes]
    watch.check()
    assert len(watch.waits) == 2


def test_a_writer_that_never_rests_is_not_waited_for(watch: Watch) -> None:
    watch.path.write_text(with_strength(1))
    strengths = iter((22, 33, 44, 55))
    watch.pauses = [lambda: watch.path.write_text(with_strength(next(strengths)))] * 4
    assert watch.check() == [33]


def test_nothing_is_told_after_the_stop(watch: Watch) -> None:
    watch.path.write_text(with_strength(1))
    watch.pauses = [watch.watcher.stop]
    assert watch.check() == []


def test_the_file_is_read_and_told_within_the_lock(tmp_path: Path) -> None:
    inside: list[bool] = []

    @contextmanager
    def lock() -> Iterator[None]:
        watched.path.write_text(with_strength(33))  # the owner of the lock had just written
        inside.append(True)
        yield
        inside.append(bool(watched.told))

    watched = Watch(tmp_path / "config.toml", within=lock())
    assert watched.becomes(with_strength(1)) == [33]
    assert inside == [True, True]


def test_the_file_is_compared_with_the_callers_settings(tmp_path: Path) -> None:
    mine = Settings()
    watch = Watch(tmp_path / "config.toml", current=lambda: mine)
    if mine.background.strength == 60:
        assert watch.check() == []
    assert watch.becomes(with_strength(10)) == [10]
    assert watch.check() == [10], "the caller has not taken it"
    watch.watcher._current = lambda: watch.watcher._found  # type: ignore[assignment]
    assert watch.check() == []


def test_what_a_call_raises_is_logged_and_no_more(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: Settings) -> None:
        raise ValueError("no such camera")

    watch.watcher._on_change = fails
    assert watch.becomes(with_strength(10)) == []
    assert "no such camera" in caplog.text


def test_the_watch_ticks_where_no_event_comes(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Edits on a network file system come without one."""

    def two_ticks(
        *_: Path, rust_timeout: int, yield_on_timeout: bool, **__: object
    ) -> Iterator[str]:
        assert rust_timeout == 200
        assert yield_on_timeout
        yield ""
        watch.path.write_text(with_strength(10))
        yield ""

    monkeypatch.setattr("bgblur.config.watch.watch", two_ticks)
    watch.watcher._watch({watch.path.parent})
    assert watch.told == [10]
