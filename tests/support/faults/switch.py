"""The switch that breaks a part in a way with a name."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Switch:
    """The fault of one part, by name; None while it works."""

    def __init__(self, raises: dict[str, Callable[[], Exception]]) -> None:
        self._raises = raises
        self._changed = threading.Condition()
        self.fault: str | None = None

    def set(self, fault: str | None) -> None:
        with self._changed:
            self.fault = fault
            self._changed.notify_all()

    def strike(self) -> None:
        """Raise or hang as the fault says; a hung call returns when the fault is over."""
        fault = self.fault
        if fault in self._raises:
            raise self._raises[fault]()
        if fault == "hangs":
            with self._changed:
                self._changed.wait_for(lambda: self.fault != "hangs")
