"""Opens the running daemon's preview page in the browser, after switching it on if needed."""

from __future__ import annotations

import time
import webbrowser
from pathlib import Path

from bgblur.config.file import set_value
from bgblur.daemon.status import running
from bgblur.errors import OutputError, UsageError
from bgblur.tray.state import report_for

_TICK = 0.1


def open_preview(config: Path, within: float = 3.0) -> None:
    """Waits up to ``within`` seconds for the page. Raises UsageError or OutputError."""
    url = _wait_for_url(config, within)
    if not webbrowser.open(url):
        raise OutputError(f"cannot open a browser: open {url} yourself")


def _wait_for_url(config: Path, within: float) -> str:
    deadline = time.monotonic() + within
    while True:
        report = report_for(running(), config)
        if report is not None:
            if url := report["runs"][0]["preview"]:
                return str(url)
            set_value(config, "output.preview", True)
        if time.monotonic() >= deadline:
            break
        time.sleep(_TICK)
    if report is None:
        raise UsageError("there is nothing to preview: start bgblur-cam first")
    raise OutputError("the preview page does not open: `bgblur-cam status` may say why")
