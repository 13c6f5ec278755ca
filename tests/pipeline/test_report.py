from __future__ import annotations

import json
import mmap
import subprocess
import sys
import time
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest
from support.pipeline_parts import SquareEngine, backend_of

from bgblur.compositing.look import Look
from bgblur.config.settings import EngineSettings
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.report import Meter, machine, run_report
from bgblur.segmentation.options import MaskOptions
from bgblur.sinks.null import NullSink
from bgblur.sources.demo import DemoSource

KEYS = {
    *("source", "width", "height", "device", "precision", "network", "input_height", "fps"),
    "latency_ms",
    *("stages_ms", "cpu_cores", "cpu_ms", "rss_mb", "gpu_mb", "startup_s"),
}


def nobody() -> Backend:
    engine = SquareEngine(np.zeros_like, 96)
    return backend_of(engine, EngineSettings(input_height=96))


def pipeline() -> Pipeline:
    return Pipeline(
        lambda: DemoSource(160, 90),
        {"": lambda width, height, fps: NullSink()},
        nobody,
        Look(),
        MaskOptions(),
    )


def test_a_run_before_its_start() -> None:
    report = run_report(pipeline(), Meter())
    assert report.keys() >= KEYS
    assert report["device"] is None
    assert report["cpu_ms"] is None
    assert report["startup_s"] is None
    assert json.loads(json.dumps(report)) == report


def test_a_run_in_progress() -> None:
    meter, running = Meter(), pipeline()
    running.start()
    try:
        deadline = time.monotonic() + 60
        while running.stats.frames < 10 and time.monotonic() < deadline:
            time.sleep(0.02)
        report = run_report(running, meter)
    finally:
        running.stop()
    assert report.keys() >= KEYS
    assert (report["source"], report["width"], report["height"]) == ("demo picture", 160, 90)
    assert (report["device"], report["precision"], report["input_height"]) == ("cpu", "fp32", 96)
    assert report["fps"] > 1
    assert report["startup_s"] > 0
    assert 0 < report["cpu_ms"] < 1000
    assert report["latency_ms"]["p50"] > 0
    assert json.loads(json.dumps(report)) == report


def test_meter_sees_work_and_memory() -> None:
    meter = Meter()
    time.sleep(0.2)
    idle = meter.cpu_cores()
    meter.start()
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    assert meter.cpu_cores() > max(idle, 0.05)
    assert 0.25 < meter.cpu_seconds() < 0.6
    before = meter.rss_mb()
    # New pages: an array of this size may reuse freed memory.
    with mmap.mmap(-1, 2**26) as ballast:
        ballast.write(b"\1" * len(ballast))
        assert meter.rss_mb() - before > 0.8 * len(ballast) / 2**20


def test_meter_knows_the_start_of_the_process_to_a_few_hundredths() -> None:
    code = "from bgblur.pipeline.report import Meter; print(Meter().started())"
    before = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        after = time.monotonic()
        started, _ = child.communicate(timeout=60)
    assert before - 0.03 <= float(started) <= after + 0.03


def test_machine_is_described() -> None:
    described = machine()
    names = ("cpu", "cores", "memory_gb", "gpu", "system", "python", "torch", "openvino")
    assert described.keys() == set(names)
    assert described["cpu"]
    assert described["memory_gb"] > 0
    assert json.loads(json.dumps(described)) == described


def test_the_daemon_reports_while_another_thread_still_imports_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half = ModuleType("torch")  # it has no ``cuda`` yet
    half.__spec__ = ModuleSpec("torch", None)
    half.__spec__._initializing = True  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", half)
    assert machine()["gpu"] is None
    assert run_report(pipeline(), Meter())["gpu_mb"] == 0


def test_the_device_is_what_runs_the_network() -> None:
    class OnNpu(SquareEngine):
        unit = "npu"

    backend = backend_of(OnNpu(np.zeros_like, 96), EngineSettings(input_height=96))
    assert (backend.unit, backend.device) == ("npu", "cpu")
    plain = backend_of(SquareEngine(np.zeros_like, 96), EngineSettings(input_height=96))
    assert plain.unit == "cpu"
