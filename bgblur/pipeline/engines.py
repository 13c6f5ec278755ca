"""Loads the engine that the settings name."""

from __future__ import annotations

import os

from bgblur.config.settings import EngineSettings
from bgblur.pipeline.torch_import import import_torch
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.runtime import choose_runtime


def load_engine(settings: EngineSettings, spare_core: bool = False, live: bool = False) -> Engine:
    """Load the engine; torch is imported only where it runs the network.

    ``spare_core`` leaves one processor core to the stages that run beside the engine. A ``live``
    stream has one thread in OpenVINO: other programs of a call need the cores.

    Raises ModelError or UsageError.
    """
    chosen = choose_runtime(settings.runtime, settings.model, settings.device, settings.precision)
    if chosen == "openvino":
        from bgblur.segmentation.engine_openvino import OpenVinoEngine

        threads = 1 if live else max(1, (os.cpu_count() or 1) - 1) if spare_core else None
        return OpenVinoEngine(settings.model, settings.precision, settings.input_height, threads)
    import_torch()
    from bgblur.segmentation.device_torch import share_cores
    from bgblur.segmentation.engine_torch import TorchEngine

    if spare_core:
        share_cores(settings.device)
    return TorchEngine(settings.model, settings.device, settings.precision, settings.input_height)
