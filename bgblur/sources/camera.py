"""A webcam through OpenCV."""

from __future__ import annotations

import platform
import time
from pathlib import Path

import cv2

from bgblur.errors import CameraError
from bgblur.frame import Frame

_UNCOMPRESSED_BANDWIDTH = 25e6  # bytes a second that YUYV may take of a USB 2 port shared by others


class CameraSource:
    """Opens ``device`` (an index or a path) and asks for a size, a rate and a format.

    Cameras give what they can: ``width``, ``height``, ``fps`` and ``fourcc`` are what was got,
    ``remark`` says where that differs. Raises CameraError in one line.
    """

    def __init__(
        self, device: str, width: int, height: int, fps: float, fourcc: str = "auto"
    ) -> None:
        check_device(device)
        with _quiet():
            self._capture = _open(device)
        if not self._capture.isOpened():
            raise CameraError(_why_not(device))
        wanted = choose_fourcc(width, height, fps) if fourcc == "auto" else fourcc.upper()
        # The format first: V4L2 drivers reset the size when the format changes.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*wanted))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        self._capture.set(cv2.CAP_PROP_FPS, fps)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a queue in the driver is latency
        grabbed, image = self._capture.read()
        if not grabbed:
            self._capture.release()
            raise CameraError(_why_not(device))
        self.name = f"camera {device}"
        self.height, self.width = image.shape[:2]
        self.fps = float(self._capture.get(cv2.CAP_PROP_FPS)) or fps
        self.fourcc = _fourcc_name(int(self._capture.get(cv2.CAP_PROP_FOURCC)))
        self.remark = describe_difference(
            (width, height, fps, wanted), (self.width, self.height, self.fps, self.fourcc)
        )
        self._device = device
        self._index = 0

    def read(self) -> Frame:
        grabbed, image = self._capture.read()
        if not grabbed:
            raise CameraError(f"the camera {self._device} gives no more pictures: is it unplugged?")
        frame = Frame(image, self._index, time.monotonic())
        self._index += 1
        return frame

    def close(self) -> None:
        self._capture.release()


def choose_fourcc(width: int, height: int, fps: float) -> str:
    """YUYV (no compression artefacts) where USB 2 carries the wanted rate, else MJPG."""
    return "YUYV" if width * height * 2 * fps <= _UNCOMPRESSED_BANDWIDTH else "MJPG"


def describe_difference(
    asked: tuple[int, int, float, str], got: tuple[int, int, float, str]
) -> str | None:
    """One line where the camera gave something else than was asked for."""
    same_rate = abs(asked[2] - got[2]) < 0.5
    if asked[:2] == got[:2] and same_rate and asked[3] == got[3]:
        return None
    shape = "{}x{} at {:g} fps, {}"
    return f"asked for {shape.format(*asked)}; the camera gives {shape.format(*got)}"


def check_device(device: str) -> None:
    """Raises CameraError, on Linux, where there is no such device or no permission to open it."""
    if platform.system() != "Linux":
        return
    path = Path(f"/dev/video{device}") if device.isdigit() else Path(device)
    if not path.exists():
        raise CameraError(
            f"there is no camera {path}: run `bgblur-cam devices` to see what there is, "
            "or try --device demo"
        )
    try:
        path.open("rb", buffering=0).close()
    except PermissionError as error:
        raise CameraError(
            f"no permission to open {path}: add yourself to its group with "
            "`sudo usermod -aG video $USER` and log in again"
        ) from error
    except OSError as error:
        raise CameraError(_why_not(device, error.strerror)) from error


def _open(device: str) -> cv2.VideoCapture:
    if platform.system() == "Linux":
        # By V4L2 explicitly: OpenCV's other back ends reopen at every change of format.
        path = f"/dev/video{device}" if device.isdigit() else device
        return cv2.VideoCapture(path, cv2.CAP_V4L2)
    return cv2.VideoCapture(int(device)) if device.isdigit() else cv2.VideoCapture(device)


def _why_not(device: str, reason: str | None = None) -> str:
    if reason is None:
        return (
            f"the camera {device} gives no picture: another program may be using it, "
            "close that one and try again"
        )
    return f"the camera {device} cannot be opened ({reason}): is another program using it?"


def _fourcc_name(code: int) -> str:
    name = code.to_bytes(4, "little", signed=False) if code > 0 else b"    "
    return name.decode("ascii", "replace").strip() or "?"


class _quiet:  # noqa: N801 - reads as a statement
    """OpenCV prints warnings of its own for what is said better in one line."""

    def __enter__(self) -> None:
        self._level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

    def __exit__(self, *_: object) -> None:
        cv2.utils.logging.setLogLevel(self._level)
