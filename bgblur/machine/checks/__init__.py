"""What ``bgblur-cam doctor`` looks at, each in a small function that returns a Check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One line of the doctor's. ``mend`` is what to do, a command where there is one;
    ``exit_code`` counts only if it failed."""

    status: Status
    title: str
    detail: str
    mend: str | None = None
    exit_code: int = 1

    def as_dict(self) -> dict[str, str | None]:
        return {
            "status": self.status,
            "title": self.title,
            "detail": self.detail,
            "mend": self.mend,
        }


def exit_code(checks: Iterable[Check]) -> int:
    """0 if none failed, the one that all failures share, else 1."""
    codes = {check.exit_code for check in checks if check.status == "fail"}
    return 0 if not codes else codes.pop() if len(codes) == 1 else 1
