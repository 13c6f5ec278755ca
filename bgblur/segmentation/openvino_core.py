"""OpenVINO's core: what it finds on this machine, and compiled models with their cache."""

from __future__ import annotations

import platform
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from bgblur.segmentation.openvino_import import import_openvino

UNITS = {"cpu": "CPU", "intel-gpu": "GPU", "npu": "NPU"}  # engine.device: OpenVINO's name
_NODES = ("/dev/dri", "/dev/accel", "/dev/dxg")  # GPUs, NPUs, Windows' GPUs in WSL
_LARGEST = 200_000_000  # bytes of the cache; a compiled model takes 4 to 50 MB


def cache_folder() -> Path:
    """Where compiled models are kept."""
    return user_cache_path("bgblur", appauthor=False) / "openvino"


def units() -> dict[str, str]:
    """What OpenVINO can run a network on here: the names that engine.device takes, and the
    products' names."""
    found = {}
    if not _may_have_more():
        return {"cpu": platform.processor() or "processor"}
    for name, unit in UNITS.items():
        with suppress(Exception):  # a plug-in without its driver raises anything
            if any(device.partition(".")[0] == unit for device in core().available_devices):
                found[name] = str(core().get_property(unit, "FULL_DEVICE_NAME")).strip()
    return found


def _may_have_more() -> bool:
    """Whether it is worth asking OpenVINO, whose plug-ins take a tenth of a second to load."""
    if platform.system() != "Linux":
        return True
    return any(Path(file).exists() for file in _NODES)


@cache
def core() -> Any:
    made = import_openvino().Core()
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        prune(folder)
    except OSError:
        return made  # each start compiles again
    made.set_property({"CACHE_DIR": str(folder)})
    return made


def prune(folder: Path, most: int = _LARGEST) -> None:
    """Delete the compiled models that were not used for longest, until the rest is within ``most``
    bytes. OpenVINO deletes none: those of older drivers and models would stay for ever."""
    kept = 0
    blobs = [(path, path.stat()) for path in folder.glob("*.blob")]
    for path, state in sorted(blobs, key=lambda blob: -max(blob[1].st_atime, blob[1].st_mtime)):
        kept += state.st_size
        if kept > most:
            path.unlink(missing_ok=True)


def compile_model(path: Path, size: tuple[int, int], unit: str, config: dict[str, Any]) -> Any:
    """The IR for pictures of ``size``, rows and columns, as ``uint8`` (1, rows, columns, 3)."""
    ov = import_openvino()
    model = core().read_model(path)
    model.reshape([1, 3, *size])
    prepared = ov.preprocess.PrePostProcessor(model)
    picture = prepared.input()
    picture.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    picture.preprocess().convert_element_type(ov.Type.f32)
    picture.model().set_layout(ov.Layout("NCHW"))
    return core().compile_model(prepared.build(), UNITS[unit], config)
