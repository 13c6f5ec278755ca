"""The figures of one run, as ``bench`` and ``status`` print them in JSON."""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil

from bgblur.pipeline.pipeline import Pipeline


class Meter:
    """Processor time and memory of this process since ``start``."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._started = time.monotonic() - _age(self._process)
        self.start()

    def start(self) -> None:
        self._began, self._cpu = time.monotonic(), self._cpu_seconds()

    def cpu_cores(self) -> float:
        """Mean number of busy cores."""
        return self.cpu_seconds() / max(1e-6, time.monotonic() - self._began)

    def cpu_seconds(self) -> float:
        """Processor time of all threads, in seconds."""
        return self._cpu_seconds() - self._cpu

    def rss_mb(self) -> float:
        return float(self._process.memory_info().rss) / 2**20

    def started(self) -> float:
        """When the process began, ``time.monotonic()``."""
        return self._started

    def _cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def _age(process: psutil.Process) -> float:
    """Seconds since the process began. On Linux psutil adds the boot time, rounded to a second, to
    the time since boot: subtracting it again removes the rounding error."""
    created = float(process.create_time())
    if platform.system() == "Linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME) - (created - psutil.boot_time())
    return time.time() - created


def run_report(pipeline: Pipeline, meter: Meter) -> dict[str, Any]:
    """The figures of a running pipeline. The keys are a contract of the command line."""
    backend, stats = pipeline.backend, pipeline.stats
    first = stats.first_frame
    return {
        "source": pipeline.source_name,
        "width": pipeline.size[0],
        "height": pipeline.size[1],
        "device": backend.unit if backend else None,
        "precision": backend.precision if backend else None,
        "network": backend.effort.network if backend and backend.effort else None,
        "input_height": backend.input_height if backend else None,
        "effort": asdict(backend.effort) if backend and backend.effort else None,
        **stats.snapshot(),
        "cpu_cores": round(meter.cpu_cores(), 2),
        "cpu_ms": round(1000 * meter.cpu_seconds() / stats.frames, 1) if stats.frames else None,
        "rss_mb": round(meter.rss_mb(), 1),
        "gpu_mb": round(_gpu_mb(), 1),
        "startup_s": round(first - meter.started(), 2) if first is not None else None,
    }


def machine() -> dict[str, Any]:
    """The machine on which the figures were measured."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": _gpu_name(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "torch": _version("torch"),
        "openvino": _version("openvino"),
    }


def _version(package: str) -> str | None:
    """The installed version; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - not a regular file
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _gpu_mb() -> float:
    torch = loaded_torch()
    if torch is None or not torch.cuda.is_available():
        return 0.0
    return float(torch.cuda.max_memory_reserved()) / 2**20


def _gpu_name() -> str | None:
    torch = loaded_torch()
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name())


def loaded_torch() -> Any:
    """torch if it has been imported, else None: importing it takes seconds. None also while another
    thread imports it, when some of its names are still missing."""
    torch = sys.modules.get("torch")
    unfinished = getattr(getattr(torch, "__spec__", None), "_initializing", False)
    return None if unfinished else torch
