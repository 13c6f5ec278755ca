"""Loads the engine that the settings name."""

from __future__ import annotations

import os

from bgblur.config.settings import EngineSettings
from bgblur.pipeline.torch_import import import_torch
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.runtime import choose_runtime
from bgblur.sources.demo import DemoSource


def load_engine(settings: EngineSettings, spare_core: bool = False, live: bool = False) -> Engine:
    """Load the engine; torch is imported only where it runs the network.

    ``spare_core`` leaves one processor core to the stages that run beside the engine. A ``live``
    stream has one thread in OpenVINO: other programs of a call need the cores.

    Raises ModelError or UsageError.
    """
    chosen = choose_runtime(settings.runtime, settings.model, settings.device, settings.precision)
    if chosen == "openvino":
        threads = 1 if live else max(1, (os.cpu_count() or 1) - 1) if spare_core else None
        return _openvino(settings, threads)
    import_torch()
    from bgblur.segmentation.device_torch import share_cores
    from bgblur.segmentation.engine_torch import TorchEngine

    if spare_core:
        share_cores(settings.device)
    return TorchEngine(settings.model, settings.device, settings.precision, settings.input_height)


def _openvino(settings: EngineSettings, threads: int | None) -> Engine:
    """On the device that the settings name; for "auto" on the fastest that OpenVINO finds."""
    from bgblur.segmentation.engine_openvino import OpenVinoEngine
    from bgblur.segmentation.openvino_core import cache_folder, units
    from bgblur.segmentation.trial import quickest

    def load(unit: str) -> OpenVinoEngine:
        return OpenVinoEngine(
            settings.model, settings.precision, settings.input_height, threads, unit
        )

    if settings.device != "auto":
        return load(settings.device)
    return quickest(units(), load, lambda: DemoSource().picture(0), cache_folder() / "trial.json")
