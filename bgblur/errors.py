"""Errors a user can cause or mend. Each message is one line: what, why, how to mend it."""

from __future__ import annotations


class BgblurError(Exception):
    """Base of them all; ``exit_code`` is what the command line ends with."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(_printable(message))


class UsageError(BgblurError):
    """A wrong argument, configuration or input file."""

    exit_code = 2


class CameraError(BgblurError):
    """The camera, or what stands in for it, cannot be opened or read."""

    exit_code = 3


class CameraBusyError(CameraError):
    """The camera is there, but gives no picture now, as when another program has it."""


class CameraGoneError(CameraError):
    """The camera is not there, or no longer: it was unplugged, or has another number or name."""


class OutputError(BgblurError):
    """The virtual camera, page or file cannot be opened or written."""

    exit_code = 4


class ModelError(BgblurError):
    """The model file is missing, broken, or not a bgblur model."""

    exit_code = 5


def _printable(text: str) -> str:
    """File names and files may hold line breaks, terminal commands and bytes that are no text."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def one_line(error: Exception) -> str:
    """The last line of the error's text, which is where torch and drivers put the reason."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
