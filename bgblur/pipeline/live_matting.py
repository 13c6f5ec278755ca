"""Builds the matting of a live stream: one network, or the ladder that "auto" climbs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bgblur.config.settings import EngineSettings
from bgblur.errors import ModelError
from bgblur.pipeline.torch_import import import_torch
from bgblur.segmentation.climber import Climber
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.governor import Governor
from bgblur.segmentation.ladder import HEIGHTS, Ladder, Rung, read_table
from bgblur.segmentation.live import LiveMatting
from bgblur.segmentation.models import (
    AUTO_MODEL,
    LITE_INT8,
    SHIPPED_IR,
    SHIPPED_MODELS,
    shipped_ir,
)
from bgblur.segmentation.networks import Networks
from bgblur.segmentation.runtime import Runtime, choose_runtime
from bgblur.stats import Stats

LoadEngine = Callable[[EngineSettings], Engine]


def live_matting(
    settings: EngineSettings, stats: Stats, fps: Callable[[], float], load: LoadEngine
) -> LiveMatting:
    """The matting that ``settings`` describe, with engines by ``load``. ``fps`` returns the wanted
    rate. Raises ModelError or UsageError."""
    climbs = settings.input_height == "auto"
    if climbs and settings.model == settings.precision == "auto" and on_processor(settings):
        return _on_ladder(settings, stats, fps, load)
    engine = load(settings)
    name = _name(settings, engine.device)
    if not climbs:
        return LiveMatting(engine, stats, None, settings.skip_static, network=name)
    ladder = Ladder.of_heights(name, HEIGHTS[engine.device.partition(":")[0]])
    start = next(rung for rung in ladder.rungs if rung.height == engine.input_height)

    def never(rung: Rung) -> Engine:
        raise AssertionError(f"{rung} is of the one network")

    return _climbing(settings, stats, fps, ladder, start, Networks(engine, start, never))


def on_processor(settings: EngineSettings) -> bool:
    """Whether a shipped network runs on the processor. Imports torch where it must be asked.
    Raises UsageError."""
    if settings.device != "auto":
        return settings.device == "cpu"
    if _runtime(settings) == "openvino":
        return True
    import_torch()
    from bgblur.segmentation.device_torch import choose_device

    return choose_device(settings.device) == "cpu"


def shipped_ladder(runtime: Runtime = "openvino") -> Ladder:
    """The ladder of the shipped models that this processor and ``runtime`` may run. Raises
    ModelError."""
    ladder = Ladder(read_table())
    left_out = set() if runtime == "openvino" else SHIPPED_IR.keys() - SHIPPED_MODELS.keys()
    if shipped_ir("auto") != SHIPPED_IR[LITE_INT8]:  # there int8 is slow, or cannot be run
        left_out |= {model for model in SHIPPED_IR if model.endswith("-int8")}
    for model in left_out:
        ladder = ladder.without(model) or ladder
    return ladder


def _on_ladder(
    settings: EngineSettings, stats: Stats, fps: Callable[[], float], load: LoadEngine
) -> LiveMatting:
    """On the first network that can be loaded; the others follow when they are needed."""

    def loaded(rung: Rung) -> Engine:
        return load(settings.model_copy(update={"model": rung.model, "input_height": rung.height}))

    ladder, problem = shipped_ladder(_runtime(settings)), None
    while True:
        start = ladder.start()
        try:
            networks = Networks(loaded(start), start, loaded)
            break
        except ModelError as error:
            rest = ladder.without(start.model)
            if rest is None:
                raise
            ladder, problem = rest, f'"auto" goes on without {start.model}: {error}'
    return _climbing(settings, stats, fps, ladder, start, networks, problem)


def _climbing(
    settings: EngineSettings,
    stats: Stats,
    fps: Callable[[], float],
    ladder: Ladder,
    start: Rung,
    networks: Networks,
    problem: str | None = None,
) -> LiveMatting:
    governor = Governor(ladder, start, fps, settings.cpu_budget, networks.ready)
    climber = Climber(networks, governor, problem)
    return LiveMatting(networks, stats, climber, settings.skip_static, network=start.model)


def _name(settings: EngineSettings, device: str) -> str:
    """Of the network that the settings lead to, for people."""
    if settings.model != "auto":
        return Path(settings.model).name
    if device != "cpu":
        return AUTO_MODEL
    if _runtime(settings) == "openvino":
        file = shipped_ir("auto", settings.precision)
    else:
        from bgblur.segmentation.device_torch import shipped_model

        file = shipped_model("auto", device, settings.precision)
    return file.stem if file else AUTO_MODEL


def _runtime(settings: EngineSettings) -> Runtime:
    return choose_runtime(settings.runtime, settings.model, settings.device, settings.precision)
