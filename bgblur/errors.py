"""Errors that a user can cause or fix. A message is one line: what, why, how to fix it."""

from __future__ import annotations

from bgblur.addresses import without_secrets


class BgblurError(Exception):
    """Base class; the command line ends with ``exit_code``. The message loses what is secret in
    addresses."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(without_secrets(_printable(message)))


class UsageError(BgblurError):
    """A wrong argument, configuration or input file."""

    exit_code = 2


class CameraError(BgblurError):
    """The camera, or the clip in its place, cannot be opened or read."""

    exit_code = 3
    retry_after = 0.0  # seconds before it is worth while to try again


class CameraBusyError(CameraError):
    """The camera exists but delivers no picture now: another program may be using it."""


class CameraGoneError(CameraError):
    """The camera is not there, or no longer: it was unplugged, or has another number or name."""


class CameraRefusedError(CameraError):
    """The camera wants another password. Many lock out who tries a wrong one too often."""

    retry_after = 30.0


class OutputError(BgblurError):
    """The virtual camera, the preview page or the file cannot be opened or written."""

    exit_code = 4


class ModelError(BgblurError):
    """The model file is missing, damaged, or not a bgblur model."""

    exit_code = 5


class UnfitPictureError(RuntimeError):
    """An engine cannot take this picture, such as a strip; it can take others."""


def _printable(text: str) -> str:
    """Escape line breaks, control codes and undecodable bytes, which file names may hold."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def one_line(error: Exception) -> str:
    """The last line of the error's text, where torch and drivers give the reason. Loses what is
    secret in addresses."""
    lines = without_secrets(str(error)).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
