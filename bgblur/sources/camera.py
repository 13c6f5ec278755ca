"""A webcam through OpenCV."""

from __future__ import annotations

import contextlib
import errno
import math
import platform
import time
from pathlib import Path

import cv2

from bgblur.devices.listing import LABEL, find_camera, holders
from bgblur.devices.v4l2 import read_names, read_rates
from bgblur.errors import CameraBusyError, CameraError, CameraGoneError
from bgblur.frame import Frame
from bgblur.sources.fourcc import UNCOMPRESSED, choose_fourcc, fourcc_name
from bgblur.sources.kept_controls import KeptControls


class CameraSource:
    """Opens ``device`` (an index, a path, a name or part of one) and asks for a size, a rate and a
    format. A name is looked up at each opening, so it stays right when the numbers change.

    A camera may not have what was asked for: ``width``, ``height``, ``fps`` and ``fourcc`` are the
    actual values, and ``remark`` reports a difference. ``controls`` are set once it gives pictures,
    and given back at ``close``. Raises CameraError in one line, and CameraBusyError if the camera
    exists but gives no picture.
    """

    def __init__(
        self,
        device: str,
        width: int,
        height: int,
        fps: float,
        fourcc: str = "auto",
        controls: KeptControls | None = None,
    ) -> None:
        node = resolve(device)
        check_device(device, node)
        wanted = _auto(node, width, height, fps) if fourcc == "auto" else fourcc.upper()
        with _quiet():
            self._capture = _open(node)
        if not self._capture.isOpened():
            raise CameraBusyError(_why_not(device, node))
        # The format comes first: V4L2 drivers reset the size when the format changes.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*wanted))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        self._capture.set(cv2.CAP_PROP_FPS, fps)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a queue in the driver adds latency
        grabbed, image = self._capture.read()
        if not grabbed:
            with _quiet():
                self._capture.release()
            raise CameraBusyError(_why_not(device, node))
        self.name = f"camera {device}"
        self.height, self.width = image.shape[:2]
        rate = self._capture.get(cv2.CAP_PROP_FPS)  # -1 or not finite if a driver does not know
        self.fps = float(rate) if math.isfinite(rate) and rate > 0 else fps
        self.fourcc = fourcc_name(int(self._capture.get(cv2.CAP_PROP_FOURCC)))
        self.remark = describe_difference(
            (width, height, fps, wanted), (self.width, self.height, self.fps, self.fourcc)
        )
        self.card = _names(node)[0]  # the same on every computer
        self._device, self._node = device, node
        self._index = 0
        self._kept = self._controls = None
        if controls is not None and platform.system() == "Linux":
            self._kept, self._controls = controls, controls.opened(node)
        elif controls is not None:
            controls.without(f"{self.name}, outside Linux,")

    def read(self) -> Frame:
        if self._kept is not None and self._controls is not None:
            self._kept.update(self._controls)
        grabbed, image = self._capture.read()
        if not grabbed:
            gone = platform.system() == "Linux" and not Path(self._node).exists()
            why = "it was unplugged, plug it in again" if gone else "is it unplugged?"
            raise CameraGoneError(f"the camera {self._device} gives no more pictures: {why}")
        frame = Frame(image, self._index, time.monotonic())
        self._index += 1
        return frame

    def close(self) -> None:
        if self._kept is not None:
            self._kept.closed(self._controls)
        with _quiet():  # OpenCV warns about a camera that is gone
            self._capture.release()


def resolve(device: str) -> str:
    """What to open for ``device``: a path on Linux, elsewhere OpenCV's index.

    Raises CameraError if a name fits no camera or several.
    """
    if device.startswith("/"):
        return device
    if not device.isdecimal():
        return find_camera(device).path
    return f"/dev/video{device}" if platform.system() == "Linux" else device


def _names(node: str) -> tuple[str | None, str | None]:
    """The camera's own name and its driver's; None if the system does not report them."""
    if platform.system() != "Linux":
        return None, None
    try:
        return read_names(Path(node))
    except OSError:
        return None, None


def _auto(node: str, width: int, height: int, fps: float) -> str:
    rates: dict[str, float] = {}
    if platform.system() == "Linux":
        with contextlib.suppress(OSError):
            rates = read_rates(Path(node), UNCOMPRESSED, width, height)
    return choose_fourcc(width, height, fps, rates)


def describe_difference(
    asked: tuple[int, int, float, str], got: tuple[int, int, float, str]
) -> str | None:
    """One line if the camera gives something else than was asked for, else None."""
    same_rate = abs(asked[2] - got[2]) < 0.5
    if asked[:2] == got[:2] and same_rate and asked[3] == got[3]:
        return None
    shape = "{}x{} at {:g} fps, {}"
    return f"asked for {shape.format(*asked)}; the camera gives {shape.format(*got)}"


def check_device(device: str, node: str) -> None:
    """On Linux, raises CameraError if the device does not exist or may not be opened, or if it is
    the one that bgblur writes to."""
    if platform.system() != "Linux":
        return
    path = Path(node)
    if not path.exists():
        raise CameraGoneError(
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
        kinds = {errno.EBUSY: CameraBusyError, errno.ENODEV: CameraGoneError}
        kind = kinds.get(error.errno or 0, CameraError)
        raise kind(_why_not(device, node, error.strerror)) from error
    name, driver = _names(node)
    if name == LABEL and driver is not None and "loopback" in driver:
        raise CameraError(
            f"{path} is bgblur's own virtual camera, which would film itself: run "
            "`bgblur-cam devices` to see which one is the webcam"
        )


def _open(node: str) -> cv2.VideoCapture:
    if platform.system() == "Linux":
        # V4L2 is named: OpenCV's other back ends reopen the camera at every change of format.
        return cv2.VideoCapture(node, cv2.CAP_V4L2)
    return cv2.VideoCapture(int(node)) if node.isdecimal() else cv2.VideoCapture(node)


def _why_not(device: str, node: str, reason: str | None = None) -> str:
    failed = "gives no picture" if reason is None else f"cannot be opened ({reason})"
    users = " and ".join(str(holder) for holder in holders(node))
    busy = f"in use by {users}" if users else "another program may be using it"
    return f"the camera {device} {failed}: {busy}, close that one and try again"


class _quiet:  # noqa: N801 - reads as a statement
    """Silences OpenCV's own warnings: bgblur reports the same problems in one line."""

    def __enter__(self) -> None:
        self._level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

    def __exit__(self, *_: object) -> None:
        cv2.utils.logging.setLogLevel(self._level)
