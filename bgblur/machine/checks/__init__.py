"""The checks of ``bgblur-cam doctor``, each a small function that returns a Check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One line of the report. ``fix`` says what to do, as a command where there is one;
    ``exit_code`` counts only if the check failed."""

    status: Status
    title: str
    detail: str
    fix: str | None = None
    exit_code: int = 1

    def as_dict(self) -> dict[str, str | None]:
        return {
            "status": self.status,
            "title": self.title,
            "detail": self.detail,
            "fix": self.fix,
        }


def exit_code(checks: Iterable[Check]) -> int:
    """0 if no check failed; the common exit code if all failures share one, else 1."""
    codes = {check.exit_code for check in checks if check.status == "fail"}
    return 0 if not codes else codes.pop() if len(codes) == 1 else 1
