"""Watches ``config.toml`` while the daemon runs."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Self, TypeVar

from watchfiles import watch

from bgblur.config.file import parse, read_text
from bgblur.config.settings import Settings
from bgblur.errors import UsageError

# Events come at once. The tick finds what they miss: edits on network file systems, and in
# folders that did not exist when the watch began.
TICK = 0.2
HALF_WRITTEN = 0.12  # seconds; an editor that truncates or renames is done by then
_MOST_WAITS = 2  # for an editor that is not

log = logging.getLogger(__name__)

T = TypeVar("T")


class ConfigWatcher:
    """Calls ``on_change`` with the settings of every good edit, within 0.5 s of it.

    A bad edit goes to ``on_problem`` as one line and leaves the last good settings in force;
    once the file is good again ``on_problem`` gets None (before ``on_change``, if that is due
    too). A file that is deleted or emptied is such a problem, too: the last good settings stay in
    force until it has text again. Both are called on the watcher's thread, and what they raise is
    logged.

    A changed file is read once it has rested: the first half of a file may be good, and ask for
    less than the whole does. It is read and handed over within ``within``, the lock of those who
    apply settings, so that nothing newer is applied in between.

    ``current`` returns the settings of the file that the caller uses. What the file says is
    compared with them, so that neither an edit between the caller's ``load`` and ``start`` is lost,
    nor one that takes back what the caller has written itself. Without it the watcher remembers
    what it has reported, and begins with what ``start`` finds.
    """

    def __init__(
        self,
        path: Path,
        on_change: Callable[[Settings], None],
        on_problem: Callable[[str | None], None],
        current: Callable[[], Settings] | None = None,
        within: AbstractContextManager[object] | None = None,
    ) -> None:
        self._path = path
        self._on_change = on_change
        self._on_problem = on_problem
        self._current = current
        self._within = within or nullcontext()
        # Settings, a problem, or nothing:
        self._found: Settings | str | None = current() if current is not None else None
        self._settings: Settings | None = None  # those reported last
        self._had_text = False  # a file that was never there is no problem
        self._problem: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="config-watch", daemon=True)

    def start(self) -> None:
        if self._current is None and not isinstance(found := self._read(), str):
            self._found = found
            self._settings = found or Settings()
        self._thread.start()

    def stop(self) -> None:
        """No call begins after this; safe to call twice, and from within a call."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(0.4)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._check()
                self._watch(self._folders())
            except Exception as error:
                # The system may be out of inotify watches, for example: the ticks are enough.
                log.debug("watching %s: %s", self._path, error)
            self._stop.wait(TICK)

    def _watch(self, folders: set[Path]) -> None:
        """Check the file at each event or tick, until other folders have to be watched."""
        if not folders:
            return
        for _ in watch(
            *folders,
            watch_filter=None,
            debounce=200,
            step=50,
            rust_timeout=int(TICK * 1000),
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
            recursive=False,
        ):
            self._check()
            if self._folders() != folders:
                return

    def _folders(self) -> set[Path]:
        """The folders of the file and, if it is a link, of its target; only those that exist."""
        target = Path(os.path.realpath(self._path))
        return {folder for folder in (self._path.parent, target.parent) if folder.is_dir()}

    def _check(self) -> None:
        if self._is_known(self._read()) or not self._rests():
            return
        with self._within:
            self._take(self._read())

    def _is_known(self, found: Settings | str | None) -> bool:
        return found == self._found and not (isinstance(found, Settings) and self._is_new(found))

    def _is_new(self, settings: Settings) -> bool:
        return settings != (self._current() if self._current is not None else self._settings)

    def _rests(self) -> bool:
        """Wait until nobody writes the file any more. Returns False after ``stop``."""
        for _ in range(_MOST_WAITS):
            before = self._version()
            if self._stop.wait(HALF_WRITTEN):
                return False
            if self._version() == before:
                break
        return True

    def _version(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _take(self, found: Settings | str | None) -> None:
        self._found = found
        if isinstance(found, str):
            self._report_problem(found)
        elif found is not None:
            self._report_problem(None)
            self._report_change(found)
        elif self._had_text:
            self._report_problem(self._gone())

    def _gone(self) -> str:
        what = "is empty" if self._path.exists() else "is missing"
        return f"{self._path.name} {what}: the last settings stay in force until it has text again"

    def _read(self) -> Settings | str | None:
        """The settings, or one line on what is wrong; None if the file is missing or empty."""
        try:
            text = read_text(self._path)
            if not text or text.isspace():
                return None
            self._had_text = True
            return parse(text, self._path.name)
        except UsageError as problem:
            return str(problem)

    def _report_problem(self, problem: str | None) -> None:
        if problem != self._problem:
            self._problem = problem
            _call(self._on_problem, problem)

    def _report_change(self, settings: Settings) -> None:
        if self._is_new(settings):
            self._settings = settings
            _call(self._on_change, settings)


def _call(function: Callable[[T], None], argument: T) -> None:
    try:
        function(argument)
    except Exception as error:
        log.error("the configuration was read, but applying it failed: %s", error)
        log.debug("in full:", exc_info=error)
