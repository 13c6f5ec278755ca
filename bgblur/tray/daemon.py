"""The daemon that belongs to the tray: the one that started it, or the one it started."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import psutil


class OwnDaemon:
    """Quitting the tray ends this daemon too. A daemon that somebody else started runs on."""

    def __init__(self, config: Path, pid: int | None = None) -> None:
        """``pid`` is that of the daemon that started the tray."""
        self._config = config
        self._process: psutil.Process | psutil.Popen | None = None
        self._errors: IO[bytes] | None = None
        if pid is not None and psutil.pid_exists(pid):
            self._process = psutil.Process(pid)

    @property
    def alive(self) -> bool:
        if isinstance(self._process, psutil.Popen):
            return self._process.poll() is None
        return (
            self._process is not None
            and self._process.is_running()
            and self._process.status() != psutil.STATUS_ZOMBIE
        )

    def start(self) -> None:
        """Start it so that it goes on when the tray ends, for whatever reason."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = psutil.Popen(
            [sys.executable, "-m", "bgblur", "--config", str(self._config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,
        )

    def last_words(self) -> str | None:
        """Why the daemon that was started here failed; None if it did not, or if asked again."""
        if self._errors is None or not isinstance(self._process, psutil.Popen) or self.alive:
            return None
        with self._errors as errors:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
        self._errors = None
        if self._process.returncode <= 0 or not lines:
            return None
        return lines[-1].removeprefix("bgblur-cam: ")

    def end(self) -> None:
        if self.alive and self._process is not None:
            self._process.terminate()
