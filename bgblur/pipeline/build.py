"""Builds what the configuration names: source, sink, backend, look, mask options."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bgblur.addresses import is_address
from bgblur.compositing.clip import is_picture, open_clip
from bgblur.compositing.compositor import Compositor, CpuCompositor
from bgblur.compositing.look import FileVersion, Look
from bgblur.config.settings import CameraSettings, EngineSettings, Settings
from bgblur.devices.listing import list_v4l2, node_name
from bgblur.devices.pipewire.nodes import is_pipewire
from bgblur.errors import CameraBusyError, CameraError, OutputError
from bgblur.files import IfExists, user_path
from bgblur.imaging.canvas import Canvas
from bgblur.imaging.geometry import Geometry
from bgblur.imaging.pictures import read_picture
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.engines import load_engine as engine_of
from bgblur.segmentation.options import MaskOptions
from bgblur.sinks import Sink
from bgblur.sources import Source
from bgblur.stats import Stats

if TYPE_CHECKING:
    from bgblur.segmentation.engine import Engine
    from bgblur.sources.kept_controls import KeptControls


def open_source(camera: CameraSettings, controls: KeptControls | None = None) -> Source:
    """Open what ``camera.device`` names: ``demo``, a camera's address, a node of PipeWire, a clip's
    path, a camera's index, name or device path. ``controls`` are for a camera that has some. Raises
    CameraError."""
    device = camera.device
    elsewhere = is_address(device) or is_pipewire(device) or is_file_name(device)
    if device == "demo" or elsewhere:
        source = _without_controls(camera)
        if controls is not None:
            controls.without(source.name)
        return source
    from bgblur.sources.camera import CameraSource

    return CameraSource(device, camera.width, camera.height, camera.fps, camera.fourcc, controls)


def _without_controls(camera: CameraSettings) -> Source:
    device = camera.device
    if device == "demo":
        from bgblur.sources.demo import DemoSource

        return DemoSource(camera.width, camera.height, camera.fps)
    if is_address(device):
        from bgblur.sources.address import AddressSource

        return AddressSource(device, camera.certificate)
    if is_pipewire(device):
        from bgblur.sources.pipewire import PipeWireSource

        return PipeWireSource(device, camera.width, camera.height, camera.fps)
    from bgblur.sources.video import VideoSource

    return VideoSource(user_path(device, CameraError))


def source_opener(
    camera: CameraSettings, controls: KeptControls | None = None
) -> Callable[[], Source]:
    """``open_source`` for a daemon, which opens the same camera many times.

    After a sleep or a replug the kernel may give the camera another number, and its old number to
    another camera. The camera is then found by the name it had.
    """
    known: str | None = None  # the camera's name
    node: str | None = None  # the kernel's name for its number, which may differ

    def opened() -> Source:
        nonlocal known, node
        wanted, now = [camera], node_name(camera.device)
        if known is not None:
            by_name = camera.model_copy(update={"device": known})
            wanted = [by_name, camera] if now not in (None, node) else [camera, by_name]
        source = _first_there(wanted, camera, controls)
        known = getattr(source, "card", None)  # webcams alone have one
        node = node_name(camera.device)
        return source

    return opened


def _first_there(
    wanted: list[CameraSettings], named: CameraSettings, controls: KeptControls | None
) -> Source:
    """Open the first camera of ``wanted`` that is there. Raises CameraBusyError if another program
    uses it. If none is there, raises the CameraError of ``named``, which is the user's wording."""
    errors = {}
    for camera in wanted:
        try:
            return open_source(camera, controls)
        except CameraBusyError:
            raise
        except CameraError as gone:
            errors[camera.device] = gone
    raise errors[named.device]


def is_file_name(device: str) -> bool:
    """Whether ``device`` names a clip: it has a file ending, or is a file on the disk."""
    if device.startswith("/dev/") or is_address(device) or is_pipewire(device):
        return False
    path = user_path(device, CameraError)
    # A camera may be called "USB2.0 HD UVC WebCam": an ending has letters and no space.
    return bool(re.fullmatch(r"\.[0-9]*[A-Za-z]\w*", path.suffix)) or path.is_file()


def open_sink(
    device: str,
    width: int,
    height: int,
    fps: float,
    open_preview: Callable[[], Sink],
    if_exists: IfExists = "refuse",
) -> Sink:
    """Open what ``device`` names: ``auto`` (a virtual camera's device if there is one, else
    PipeWire if it runs), ``pipewire``, ``web``, a video file, or a virtual camera's device.

    ``width`` and ``height`` are even. ``if_exists`` is for a video file. Raises OutputError or
    UsageError.
    """
    if device == "web":
        return open_preview()
    if device == "pipewire" or (device == "auto" and _only_pipewire()):
        from bgblur.sinks.pipewire import PipeWireSink

        return PipeWireSink(width, height, fps)
    if Path(device).suffix and not device.startswith("/dev/"):
        from bgblur.sinks.video import VideoSink

        return VideoSink(user_path(device, OutputError), width, height, fps, if_exists)
    from bgblur.sinks.virtual_camera import VirtualCameraSink

    return VirtualCameraSink(None if device == "auto" else device, width, height, fps)


def _only_pipewire() -> bool:
    """Whether PipeWire runs, and there is no virtual camera of the kernel."""
    if not sys.platform.startswith("linux"):
        return False
    from bgblur.devices.pipewire.library import trouble

    return trouble() is None and all(found.kind == "camera" for found in list_v4l2())


def load_backend(
    settings: EngineSettings,
    stats: Stats,
    fps: Callable[[], float] | None = None,
    load_engine: Callable[[EngineSettings], Engine] | None = None,
) -> Backend:
    """Load the engine, its matting, and the compositor on the same device.

    ``fps`` returns the wanted rate of a live stream; without it every frame is inferred, by one
    network at one height. ``load_engine`` loads another engine than that of the settings.

    Raises ModelError or UsageError. Imports torch, which takes seconds, where it runs the network.
    """
    from bgblur.segmentation.matting import Matting

    load = load_engine or partial(engine_of, spare_core=True, live=fps is not None)
    if fps is None:
        matting = Matting(load(settings), stats)
    else:
        from bgblur.pipeline.live_matting import live_matting

        matting = live_matting(settings, stats, fps, load)
    compositor: Compositor
    if matting.device == "cpu":
        compositor = CpuCompositor()
    else:
        from bgblur.compositing.compositor_torch import TorchCompositor

        compositor = TorchCompositor(matting.device, lambda: stats.stage("download"))
    return Backend(matting, compositor)


def look_of(settings: Settings, live: bool = True, shown: Look | None = None) -> Look:
    """The look that the settings describe. Raises UsageError if the background picture or clip
    cannot be read.

    With ``live`` a clip plays by the clock, else by the frames' own time. Close the look at the
    end: a clip has a thread and a file.

    ``shown`` is the look before: its picture or its playing clip is taken over while the file is
    the same. Then both looks have one clip, to be closed once.
    """
    background = settings.background
    picture, clip, origin = None, None, None
    if background.mode == "image":
        path = user_path(background.image)
        origin = _version(path)
        if shown is not None and _still_good(shown, origin):
            picture, clip = shown.picture, shown.clip
        elif is_picture(path):
            picture = read_picture(path)
        else:
            clip = open_clip(path, live)
    return Look(
        background.mode,
        background.strength,
        _bgr(background.color),
        picture,
        settings.camera.mirror,
        background.light_wrap,
        clip,
        origin,
        blur=background.blur,
    )


def canvas_of(settings: Settings) -> Canvas:
    """The output's size, and how pictures are put on it, as the settings describe them."""
    output = settings.output
    return Canvas(
        None if output.width == "auto" else output.width,
        None if output.height == "auto" else output.height,
        output.fit,
        None if output.bars == "blurred" else _bgr(output.bars),
    )


def geometry_of(camera: CameraSettings) -> Geometry:
    """How the settings turn and crop the camera's picture."""
    across, down = camera.center
    return Geometry(camera.rotate, camera.flip, camera.zoom, (across, down))


def of_device(camera: CameraSettings) -> CameraSettings:
    """What the camera is opened with: the rest is done to its pictures, or set while it runs."""
    others = ["controls", "mirror", "rotate", "flip", "zoom", "center", "follow"]
    if not is_address(camera.device):
        others.append("certificate")
    defaults = CameraSettings()
    return camera.model_copy(update={key: getattr(defaults, key) for key in others})


def _bgr(color: str) -> tuple[int, int, int]:
    """Of "#rrggbb"."""
    red, green, blue = bytes.fromhex(color.lstrip("#"))
    return blue, green, red


def _version(path: Path) -> FileVersion | None:
    """None where the file is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_ino, found.st_size, found.st_mtime_ns


def _still_good(shown: Look, origin: FileVersion | None) -> bool:
    """Whether ``shown`` has this version of the file, and can go on with it."""
    stands_still = shown.clip is not None and shown.clip.problem is not None
    return origin is not None and shown.origin == origin and not stands_still


def mask_of(settings: Settings) -> MaskOptions:
    """The mask options that the settings describe."""
    mask = settings.mask
    return MaskOptions(mask.refine_edges, mask.smoothing, mask.feather)
