"""Which pixel format to ask a camera for."""

from __future__ import annotations

from collections.abc import Mapping

# In the order of preference: NV12 takes three quarters of the others' bandwidth. OpenCV converts
# them in a sixth of the time that a JPEG takes to decode, and they have no compression artefacts.
UNCOMPRESSED = ("NV12", "YUYV", "UYVY")

_USB2 = 25e6  # bytes per second that YUYV may use of a shared USB 2 port


def choose_fourcc(width: int, height: int, fps: float, rates: Mapping[str, float]) -> str:
    """The first uncompressed format that reaches ``fps``, else MJPG.

    ``rates`` are the formats that have the size, each with its fastest rate. Where the system
    reports none, YUYV if USB 2 carries it.

    >>> choose_fourcc(1280, 720, 30, {"YUYV": 10, "NV12": 30})
    'NV12'
    >>> choose_fourcc(1280, 720, 30, {"YUYV": 10})
    'MJPG'
    """
    if rates:
        fast = (code for code in UNCOMPRESSED if rates.get(code, 0) > fps - 0.5)
        return next(fast, "MJPG")
    return "YUYV" if width * height * 2 * fps <= _USB2 else "MJPG"


def fourcc_name(code: int) -> str:
    """The four letters of OpenCV's ``code``; "?" if it reports none."""
    name = code.to_bytes(4, "little", signed=False) if code > 0 else b"    "
    return name.decode("ascii", "replace").strip() or "?"
