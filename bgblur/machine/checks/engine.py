"""Checks of the processor, the model, and two seconds of the real pipeline."""

from __future__ import annotations

from bgblur.config.settings import BackgroundSettings, EngineSettings, Settings
from bgblur.errors import BgblurError, one_line
from bgblur.machine.checks import Check
from bgblur.machine.system import System

_SLOW = 15.0  # frames a second; below it movement visibly stutters
_SECONDS = 2.0


def check_torch() -> Check | None:
    """A failed check if torch cannot be imported, else None."""
    try:
        import torch  # noqa: F401
    except (ImportError, OSError) as error:
        fix = "install bgblur again: pip install --force-reinstall torch torchvision"
        return Check("fail", "torch", f"cannot be imported: {one_line(error)}", fix)
    return None


def check_processor(engine: EngineSettings, system: System) -> Check:
    """The device and precision that the engine will use."""
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
        fix = "nvidia-smi says what is wrong with the driver"
        if not torch.cuda.is_available():
            detail += f": torch needs a driver for CUDA {torch.version.cuda}"
            return Check("warn", title, detail, fix)
        return Check("warn", title, detail, "bgblur-cam config set engine.device auto")
    if device == "cpu" and precision == "fp32" and engine.precision == "auto":
        detail += " (bf16 is not faster here)"
    return Check("ok", title, detail)


def check_model(engine: EngineSettings) -> Check:
    """Load and run the model; report whether it is the shipped file, by its SHA-256."""
    from bgblur.segmentation.device_torch import shipped_model
    from bgblur.segmentation.engine_torch import TorchEngine

    own = engine.model != "auto"
    try:
        loaded = TorchEngine(engine.model, engine.device, engine.precision, engine.input_height)
    except BgblurError as error:
        fix = "bgblur-cam config set engine.model auto" if own else "install bgblur again"
        return Check("fail", "model", str(error), fix, error.exit_code)
    shipped = shipped_model(engine.model, loaded.device, engine.precision)
    name = f"{shipped.name} (its SHA-256 is the pinned one)" if shipped else engine.model
    return Check("ok", "model", f"{name} gives alpha from {loaded.input_height} rows")


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
        lower = max(96, (run["input_height"] or 160) - 32)
        return Check("warn", "speed", detail, f"bgblur-cam config set engine.input_height {lower}")
    return Check("ok", "speed", detail)
