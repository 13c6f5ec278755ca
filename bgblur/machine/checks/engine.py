"""Checks of the processor, the model, and two seconds of the real pipeline."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from bgblur.config.settings import BackgroundSettings, EngineSettings, Settings
from bgblur.errors import BgblurError, one_line
from bgblur.machine.checks import Check
from bgblur.machine.system import System
from bgblur.pipeline.engines import load_engine
from bgblur.segmentation.models import shipped_ir
from bgblur.segmentation.openvino_core import units
from bgblur.segmentation.openvino_import import import_openvino
from bgblur.segmentation.runtime import choose_runtime, nvidia_gpu

_SLOW = 15.0  # frames a second; below it movement visibly stutters
_SECONDS = 2.0
_ROCM = 'install torch\'s ROCm build, for which an AMD GPU is "cuda": pytorch.org'
_DRIVER = "nvidia-smi says what is wrong with the driver"


def check_runtime(engine: EngineSettings) -> Check:
    """What runs the network; a failed check where it cannot be imported."""
    title = "runtime"
    try:
        chosen = choose_runtime(engine.runtime, engine.model, engine.device, engine.precision)
    except BgblurError as error:
        fix = "bgblur-cam config set engine.runtime auto, and engine.device auto"
        return Check("fail", title, str(error), fix, error.exit_code)
    package = "openvino" if chosen == "openvino" else "torch"
    try:
        found = import_openvino() if package == "openvino" else import_module(package)
    except (ImportError, OSError) as error:
        fix = f"install it again: pip install --force-reinstall {package}"
        return Check("fail", title, f"{package} cannot be imported: {one_line(error)}", fix)
    name = "OpenVINO" if package == "openvino" else "TorchScript"
    return Check("ok", title, f"{name} ({package} {found.__version__})")


def check_processor(engine: EngineSettings, system: System) -> Check:
    """The device and precision that the engine will use."""
    runtime = choose_runtime(engine.runtime, engine.model, engine.device, engine.precision)
    return _with_openvino(system) if runtime == "openvino" else _with_torch(engine, system)


def _with_openvino(system: System) -> Check:
    from bgblur.pipeline.report import machine

    facts = machine()
    detail = f"{facts['cpu']}, {facts['cores']} cores"
    for name, product in units().items():
        if name != "cpu":
            detail += f"; {name}: {product}"
    if not system.path("/proc/driver/nvidia/version").exists():
        if system.path("/dev/kfd").exists() and find_spec("torch") is None:
            return Check("warn", "processor", f"{detail}; an AMD GPU is not used", _ROCM)
        return Check("ok", "processor", detail)
    detail += "; this machine's NVIDIA GPU is not used"
    if find_spec("torch") is None:
        return Check(
            "warn", "processor", detail, "an NVIDIA GPU is here: pip install 'bgblur[gpu]'"
        )
    if nvidia_gpu():
        fix = "bgblur-cam config set engine.device auto, and engine.runtime auto"
        return Check("warn", "processor", detail, fix)
    return Check("warn", "processor", detail, _DRIVER)


def _with_torch(engine: EngineSettings, system: System) -> Check:
    import torch

    from bgblur.pipeline.report import machine
    from bgblur.segmentation.device_torch import auto_precision, choose_device

    title = "processor"
    try:
        device = choose_device(engine.device)
        precision = auto_precision(engine.model, engine.precision, device)
    except BgblurError as error:
        fix = "bgblur-cam config set engine.device auto, and engine.precision auto"
        return Check("fail", title, str(error), fix, error.exit_code)
    facts = machine()
    if device.startswith("cuda"):
        return Check("ok", title, f"{torch.cuda.get_device_name(device)}, {precision}")
    detail = f"{facts['cpu']}, {facts['cores']} cores, {device} in {precision}"
    if system.path("/proc/driver/nvidia/version").exists():
        detail += "; this machine's NVIDIA GPU is not used"
        if torch.version.cuda is None:
            return Check("warn", title, detail, "install the CUDA build of torch: pytorch.org")
        if not torch.cuda.is_available():
            detail += f": torch needs a driver for CUDA {torch.version.cuda}"
            return Check("warn", title, detail, _DRIVER)
        return Check("warn", title, detail, "bgblur-cam config set engine.device auto")
    if device == "cpu" and precision == "fp32" and engine.precision == "auto":
        detail += " (bf16 is not faster here)"
    return Check("ok", title, detail)


def check_model(engine: EngineSettings) -> Check:
    """Load and run the model; report whether it is the shipped file, by its SHA-256."""
    own = engine.model != "auto"
    try:
        loaded = load_engine(engine)
    except BgblurError as error:
        fix = "bgblur-cam config set engine.model auto" if own else "install bgblur again"
        return Check("fail", "model", str(error), fix, error.exit_code)
    shipped = _shipped(engine, loaded.device)
    name = f"{shipped.name} (its SHA-256 is the pinned one)" if shipped else engine.model
    detail = f"{name} gives alpha from {loaded.input_height} rows in {loaded.precision}"
    return Check("ok", "model", detail)


def _shipped(engine: EngineSettings, device: str) -> Path | None:
    """The shipped file that the settings lead to; None for a user's own."""
    runtime = choose_runtime(engine.runtime, engine.model, engine.device, engine.precision)
    if runtime == "openvino":
        return shipped_ir(engine.model, engine.precision)
    from bgblur.segmentation.device_torch import shipped_model

    return shipped_model(engine.model, device, engine.precision)


def check_speed(settings: Settings) -> Check:
    """Run the pipeline for two seconds from the demo picture, with the present settings."""
    from bgblur.bench.run import measure, merged

    demo = settings.camera.model_copy(update={"device": "demo"})
    # Always blur: the raw picture would measure nothing.
    measured = settings.model_copy(update={"camera": demo, "background": BackgroundSettings()})
    try:
        run = merged(measure(measured, _SECONDS)["parts"])
    except BgblurError as error:
        fix = "run bgblur-cam bench --debug for details"
        return Check("fail", "speed", str(error), fix, error.exit_code)
    detail = (
        f"{run['fps']:.0f} of {demo.fps:g} frames a second at {run['width']}x{run['height']}, "
        f"latency {run['latency_ms']['p50']:.0f} ms"
    )
    if run["fps"] < min(_SLOW, demo.fps / 2):
        fix = "bgblur-cam config set engine.input_height auto"
        if settings.engine.input_height == "auto":
            fix = "bgblur-cam config set camera.width 640, and camera.height 360"
        return Check("warn", "speed", detail, fix)
    return Check("ok", "speed", detail)
