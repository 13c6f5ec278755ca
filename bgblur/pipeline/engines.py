"""Loads the engine that the settings name."""

from __future__ import annotations

import os

from bgblur.config.settings import EngineSettings
from bgblur.pipeline.torch_import import import_torch
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.engine_mirrored import MirroredEngine
from bgblur.segmentation.quality import Quality, planned
from bgblur.segmentation.runtime import choose_runtime
from bgblur.sources.demo import DemoSource


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_engine(
    settings: EngineSettings,
    spare_core: bool = False,
    live: bool = False,
    quality: Quality = "fast",
    share: int | None = None,
) -> Engine:
    """Load the engine; torch is imported only where it runs the network.

    ``spare_core`` leaves one processor core to the stages that run beside torch; OpenVINO's threads
    do not wait for each other where they share a core. A ``live`` stream has one thread in
    OpenVINO: other programs of a call need the cores. ``quality`` is for
    files, see ``planned``. ``share`` is the number of cores for this process, where several work
    side by side; torch's is OMP_NUM_THREADS.

    Raises ModelError or UsageError.
    """
    chosen = choose_runtime(settings.runtime, settings.model, settings.device, settings.precision)
    if chosen == "openvino":
        return _openvino(settings, 1 if live else share or cores(), quality)
    import_torch()
    from bgblur.segmentation.device_torch import choose_device, share_cores
    from bgblur.segmentation.engine_torch import TorchEngine

    if spare_core:
        share_cores(settings.device)
    wanted, mirrored = planned(settings, quality, choose_device(settings.device))
    engine = TorchEngine(wanted.model, wanted.device, wanted.precision, wanted.input_height)
    return MirroredEngine(engine) if mirrored else engine


def _openvino(settings: EngineSettings, threads: int | None, quality: Quality) -> Engine:
    """On the device that the settings name; for "auto" on the fastest that OpenVINO finds."""
    from bgblur.segmentation.engine_openvino import OpenVinoEngine
    from bgblur.segmentation.openvino_core import cache_folder, units
    from bgblur.segmentation.trial import quickest

    def load(unit: str) -> Engine:
        wanted, mirrored = planned(settings, quality, unit)
        engine = OpenVinoEngine(wanted.model, wanted.precision, wanted.input_height, threads, unit)
        return MirroredEngine(engine) if mirrored else engine

    if settings.device != "auto":
        return load(settings.device)
    return quickest(units(), load, lambda: DemoSource().picture(0), cache_folder() / "trial.json")
