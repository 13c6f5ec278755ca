"""``--tray``: the tray beside the daemon, in a process of its own.

This keeps Qt out of the daemon, and the daemon runs on if the tray crashes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

_PATIENCE = 2.0  # seconds given to the tray to end


class TrayProcess:
    """Starts the tray at once and ends it on exit; the tray may have ended before.

    If the daemon is killed, the tray stays and shows that.
    """

    def __init__(self, config: Path) -> None:
        command = [sys.executable, "-m", "bgblur", "tray", "--config", str(config)]
        self._process = subprocess.Popen(
            [*command, "--daemon", str(os.getpid())], stdin=subprocess.DEVNULL
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
