"""Qt without a screen, for tests of the tray."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QApplication


def offscreen() -> QApplication:
    """The process's one application."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QT_QPA_PLATFORM", "offscreen")
        app = QApplication.instance() or QApplication(["bgblur"])
    assert isinstance(app, QApplication)
    app.setQuitOnLastWindowClosed(False)
    return app


def soon(fits: Callable[[], object], within: float = 60.0) -> bool:
    """Run Qt's events until the condition holds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        QApplication.processEvents()
        if fits():
            return True
        time.sleep(0.01)
    return False
