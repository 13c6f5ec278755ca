"""Why a camera on the network cannot be opened, in one line. FFmpeg's own text has the whole
address in it, with the password, and is never shown."""

from __future__ import annotations

import os

import av

from bgblur.errors import CameraError, CameraGoneError, CameraRefusedError

_EIO = 5  # FFmpeg's for a name that is not known


def refusal(name: str, error: Exception) -> CameraError:
    """The error to raise for what FFmpeg raised. ``name`` is the camera's, without its secrets."""
    if isinstance(error, av.HTTPUnauthorizedError | av.HTTPForbiddenError):
        return CameraRefusedError(
            f"{name} refuses the user name and password: write them before the host as "
            "USER:PASSWORD and an at sign, and in them / as %2F, ? as %3F, # as %23"
        )
    if isinstance(error, av.HTTPNotFoundError):
        return unfit(name, "it has nothing under this path (404): check what comes after the host")
    if isinstance(error, av.InvalidDataError):
        return unfit(name, "what it sends is no video: check the path, or try it in a player")
    if isinstance(error, av.HTTPError):
        return unfit(name, f"it answers {error.strerror}: check the path, and look at the camera")
    return CameraGoneError(
        f"{name} cannot be reached ({_reason(error)}): is it switched on, and is this its address?"
    )


def unfit(name: str, why: str) -> CameraError:
    """It answers, but not with what is wanted: asking again at once would not help."""
    error = CameraError(f"{name} gives no picture: {why}")
    error.retry_after = 5.0
    return error


def untrusted(name: str, why: str) -> CameraError:
    """It shows a certificate that ``camera.certificate`` does not let in."""
    error = CameraError(
        f"{name} is not asked for pictures: {why}: save its certificate and name the file in "
        'camera.certificate, or write "any" there'
    )
    error.retry_after = 5.0
    return error


def _reason(error: Exception) -> str:
    if isinstance(error, av.ExitError | TimeoutError):
        return "no answer in time"
    if isinstance(error, EOFError):
        return "it closes the connection"
    number = error.errno if isinstance(error, OSError) else None
    if not number or number < 0 or number == _EIO:
        return "nothing has this name"
    return os.strerror(number)
