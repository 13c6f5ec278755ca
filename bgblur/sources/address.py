"""A camera on the network, by its address: RTSP, or MJPEG and other streams over HTTP."""

from __future__ import annotations

import threading
import time
from urllib.parse import urlsplit

import av
from av.codec.context import Flags
from av.container import InputContainer
from av.video.stream import VideoStream

from bgblur.addresses import scheme_of, shown
from bgblur.errors import CameraError, CameraGoneError
from bgblur.frame import Frame, Image
from bgblur.media.converter import Converter
from bgblur.media.reader import MOST_PIXELS
from bgblur.media.tags import orientation_of
from bgblur.sources.certificates import (
    checks,
    distrust,
    leads_to,
    names_checked,
    pinned_name,
    tls_options,
)
from bgblur.sources.received import Received
from bgblur.sources.refusals import refusal, unfit, untrusted

OPENS_WITHIN, READS_WITHIN = 4.0, 4.0  # seconds; the pipeline's patience is longer
CATCHES_UP = 0.1  # seconds that a picture is given up for a newer one

_COMMON = {
    "analyzeduration": "1000000",  # microseconds
    "fpsprobesize": "0",  # pictures to find the rate with, where the stream does not tell it
}
_RTSP = {
    "rtsp_flags": "prefer_tcp",  # lost packets make a picture fall apart
    "allowed_media_types": "video",  # else it waits for sound and data, which may never come
}
_MOST_STEPS = 4  # from the address to the camera
_OPTIONS: dict[str, dict[str, str]] = {"rtsp": _RTSP, "rtsps": _RTSP, "http": {}, "https": {}}


class AddressSource:
    """Opens ``address``, one of rtsp://, rtsps://, http:// and https://. Its size and rate are the
    server's own. ``read`` gives no picture that came before it was called, however slow the caller
    is: no delay grows.

    ``certificate`` is ``camera.certificate``: "trusted", "any", or a file in PEM.

    Raises CameraError in one line, which has nothing of the address but the host: CameraGoneError
    where nothing answers, CameraRefusedError where it wants another password.
    """

    def __init__(self, address: str, certificate: str = "trusted") -> None:
        self.name = f"camera {shown(address)}"
        self.remark: str | None = None
        self._decoding = threading.Lock()
        self._converter: tuple[tuple[int, int], Converter] | None = None
        self._index = 0
        container = _open(address.strip(), self.name, certificate)
        try:
            stream = _video_stream(container, self.name)
        except BaseException:
            container.close()
            raise
        self.fps = float(stream.average_rate or stream.guessed_rate or 25)
        self._stream = stream
        self._received = Received(container, stream)
        try:
            first, _ = self._picture(OPENS_WITHIN)
        except BaseException:
            self.close()
            raise
        self.height, self.width = first.shape[:2]

    def read(self) -> Frame:
        image, came = self._picture(READS_WITHIN)
        frame = Frame(image, self._index, came)
        self._index += 1
        return frame

    def close(self) -> None:
        self._received.close()

    def _picture(self, within: float) -> tuple[Image, float]:
        """The first picture that comes from now on, and when (``time.monotonic()``)."""
        began = time.monotonic()
        with self._decoding:
            try:
                return self._newest(began, began + within)
            except TimeoutError:
                why = f"none came within {within:g} s, or faster than they can be decoded"
            except (av.FFmpegError, OSError, EOFError):
                why = "the server has ended the stream"
        raise CameraGoneError(f"{self.name} gives no more pictures: {why}")

    def _newest(self, began: float, until: float) -> tuple[Image, float]:
        while time.monotonic() < until:
            packet, came = self._received.next(until)
            try:
                frames = self._stream.decode(packet)
            except av.FFmpegError:  # damaged; the next whole picture repairs it
                continue
            # What came before is decoded only to catch up: the user may have chosen since what it
            # was not meant for.
            newer = self._received.more and time.monotonic() < began + CATCHES_UP
            if frames and came >= began and not newer:
                return self._converted(frames[-1]), came
        raise TimeoutError

    def _converted(self, frame: av.VideoFrame) -> Image:
        size = frame.width, frame.height  # a phone that is turned changes it
        if self._converter is None or self._converter[0] != size:
            made = Converter(size, orientation_of(frame), fast=True, opacity=False)
            self._converter = size, made
        return self._converter[1](frame)


def _open(address: str, name: str, certificate: str) -> InputContainer:
    for _ in range(_MOST_STEPS):
        found = _opened(address, name, certificate)
        if not isinstance(found, str):
            return found
        if checks(address, certificate) and not checks(found, certificate):
            raise unfit(
                name,
                "it leads on to an address that shows no certificate: give that address, or write "
                '"any" in camera.certificate',
            )
        address = found
    raise unfit(name, "it leads from one address to the next: give the last one")


def _opened(address: str, name: str, certificate: str) -> InputContainer | str:
    """The address to ask instead where the camera says so."""
    options = _OPTIONS.get(scheme_of(address))
    if options is None:
        raise CameraError(f"{name} is no address of a camera: write rtsp, rtsps, http or https")
    options = _COMMON | options | tls_options(address, certificate)
    found = _tried(address, options)
    if type(found) is av.error.OSError:  # as for a certificate that is not trusted
        if other := pinned_name(address, certificate):
            found = _tried(address, options | {"verifyhost": other})
        elif why := distrust(address, certificate):
            raise untrusted(name, why)
    # By http://, FFmpeg itself follows to http:// alone, and with the password.
    led = av.ArgumentError if scheme_of(address) == "http" else av.error.OSError
    if type(found) is led and (next_one := leads_to(address, certificate)):
        return next_one
    if isinstance(found, av.ExitError) and names_checked(address, certificate):
        raise unfit(
            name,
            "it is a playlist of addresses by https://, whose certificates nobody checks: give the "
            'address of a stream, or write "any" in camera.certificate',
        )
    if isinstance(found, av.ArgumentError) and _names_others(address, certificate):
        raise unfit(
            name,
            "it is a playlist, and no certificate is checked for what that names: give the address "
            'of a stream, or write "any" in camera.certificate',
        )
    if isinstance(found, Exception):
        raise refusal(name, found)  # and not from it: its text has the password
    return found


def _names_others(address: str, certificate: str) -> bool:
    """Where FFmpeg says that something is wrong: whether it was the format, which ``tls_options``
    does not let in, not the address."""
    try:
        return checks(address, certificate) and urlsplit(address).port != 0
    except ValueError:
        return False


def _tried(address: str, options: dict[str, str]) -> InputContainer | Exception:
    try:
        return av.open(
            address,
            container_options=options,
            timeout=(OPENS_WITHIN, READS_WITHIN),
            metadata_errors="replace",
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        return error


def _video_stream(container: InputContainer, name: str) -> VideoStream:
    if container.format.name.endswith("_pipe"):
        raise unfit(name, "it is a single picture: give the address of the live stream")
    if not container.streams.video:
        raise unfit(name, "it has no video, only sound or data: check the path")
    if container.duration:
        raise unfit(name, "it is a recording: download it, and give the file's name")
    stream = container.streams.video[0]
    stream.thread_type = "SLICE"  # threads by the frame would delay it
    stream.codec_context.flags |= Flags.low_delay
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    return stream
