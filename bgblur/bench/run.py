"""Measures the daemon's pipeline: one process per run, so that start-up and memory are its own.

A figure is the median over short parts of several runs, its spread their minimum and maximum. The
runs alternate between the sizes, so that other load on the machine affects all of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from statistics import median
from typing import Any

from bgblur.config.overrides import Overrides
from bgblur.config.settings import EngineSettings, Settings
from bgblur.errors import BgblurError, ModelError, UsageError
from bgblur.frame import Frame
from bgblur.imaging.cover import cover
from bgblur.pipeline.build import load_backend, look_of, mask_of, open_source
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.report import Meter, loaded_torch, machine, run_report
from bgblur.segmentation.models import SHIPPED_IR
from bgblur.segmentation.runtime import choose_runtime
from bgblur.sinks.null import NullSink
from bgblur.sources import Source
from bgblur.sources.demo import DemoSource
from bgblur.sources.pace import Pacer
from bgblur.stats import Stats

SIZES = ((640, 360), (1280, 720), (1920, 1080))
PARTS = 3  # of a run
MEASURED = (
    *("fps", "latency_ms", "stages_ms", "cpu_cores", "cpu_ms", "rss_mb", "gpu_mb", "startup_s"),
    "input_height",  # may change with the machine's speed
)
_WARM_UP = 2.0  # seconds after the first frame that are not measured
_START_WITHIN = 60.0
_PATIENCE = 10.0  # seconds beyond a part, for two frames on a busy machine
_DRAWN = 16  # different pictures of the demo


def bench(
    settings: Settings,
    sizes: Sequence[tuple[int, int]],
    seconds: float,
    repeat: int = 3,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """``repeat`` runs of ``seconds`` for each size: the object that ``bench --json`` prints.

    ``report`` is called with a line of progress before each run.
    """
    parts: list[list[dict[str, Any]]] = [[] for _ in sizes]
    once: list[dict[str, Any]] = [{} for _ in sizes]  # measured once for each size
    found: dict[str, Any] = {}
    for number in range(repeat):
        for index, (width, height) in enumerate(sizes):
            report(f"{width}x{height}, run {number + 1} of {repeat}")
            sized = Overrides({"camera.width": width, "camera.height": height}, settings)
            answer = _in_a_process(sized.over(settings), seconds, alone=number == 0)
            parts[index] += answer["parts"]
            once[index] = answer.get("once", once[index])
            found = answer["machine"]  # the child has torch loaded and knows the GPU
    runs = [merged(of) | more for of, more in zip(parts, once, strict=True)]
    return {"machine": found, "runs": runs}


def merged(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One run from its parts: medians, and "spread" with [minimum, maximum] of the same keys."""
    measured = {key: [part[key] for part in parts] for key in MEASURED}
    whole = parts[-1] | {key: _of_all(values, median) for key, values in measured.items()}
    whole["input_height"] = parts[-1]["input_height"]  # the median of two heights is not a height
    for counted in ("frames", "obscured"):
        whole[counted] = sum(part[counted] for part in parts)
    spread = {key: _of_all(values, _ends) for key, values in measured.items()}
    return whole | {"parts": len(parts), "spread": spread}


def _of_all(values: Sequence[Any], summary: Callable[[Sequence[Any]], Any]) -> Any:
    """``summary`` of numbers, or of each key's numbers; a stage may be missing from a part."""
    known = [value for value in values if value is not None]
    if known and isinstance(known[0], dict):
        keys = dict.fromkeys(key for value in known for key in value)
        return {key: _of_all([v[key] for v in known if key in v], summary) for key in keys}
    return _rounded(summary(known)) if known else None


def _ends(values: Sequence[float]) -> list[float]:
    return [min(values), max(values)]


def _rounded(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value


def size_of(text: str) -> tuple[int, int]:
    """Width and height from "1280x720". Raises UsageError."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise UsageError(f'--size is "{text}": write it as WIDTHxHEIGHT, like 1280x720')
    return int(width), int(height)


def _in_a_process(settings: Settings, seconds: float, alone: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "bgblur.bench.run", str(seconds), str(int(alone))]
    done = subprocess.run(
        command,
        input=settings.model_dump_json(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["the measured process ended without a word"]
        failure = BgblurError(said[-1])
        failure.exit_code = done.returncode if done.returncode > 0 else 1
        raise failure
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measure(settings: Settings, seconds: float, alone: bool = False) -> dict[str, Any]:
    """Run the pipeline in this process with a null sink for ``seconds`` after a warm-up.

    "parts" has the reports of equal parts of that time. With ``alone``, "once" has figures that are
    measured with nothing else running: "frame_ms", one frame's time, and "limit", the roofline.
    """
    meter, stats = Meter(), Stats(_wait_for_gpu)
    pipeline = Pipeline(
        lambda: _open_sized(settings),
        {"null": lambda *_: NullSink()},
        lambda: load_backend(settings.engine, stats, fps=lambda: settings.camera.fps),
        look_of(settings),
        mask_of(settings),
        stats,
    )
    pipeline.start()
    try:
        deadline = time.monotonic() + _START_WITHIN
        while stats.first_frame is None:
            if pipeline.fatal is not None:
                raise pipeline.fatal
            if time.monotonic() > deadline:
                raise ModelError(f"no frame within {_START_WITHIN:g} s")
            time.sleep(0.01)
        time.sleep(_WARM_UP)
        parts = [_part(pipeline, meter, seconds / PARTS) for _ in range(PARTS)]
        answer = {"parts": parts, "machine": machine()}
    finally:
        pipeline.stop()
        pipeline.look.close()
    if alone:
        answer["once"] = _alone(settings, parts[-1])
    return answer


def _alone(settings: Settings, run: dict[str, Any]) -> dict[str, Any]:
    from bgblur.bench.frame import frame_times

    engine = settings.engine
    if run["network"] in SHIPPED_IR:  # the one in force
        engine = engine.model_copy(update={"model": run["network"]})
    settings = settings.model_copy(update={"engine": engine})
    source = _open_sized(settings)
    try:
        times = frame_times(settings, source, run["input_height"])
    finally:
        source.close()
    shape = run["width"], run["height"], run["input_height"]
    return {"frame_ms": times, "limit": _limit(engine, run["device"], *shape)}


def _limit(
    engine: EngineSettings, device: str, width: int, height: int, input_height: int
) -> dict[str, Any]:
    """The roofline; empty on an Intel GPU or NPU, whose memory and units OpenVINO does not show."""
    runtime = choose_runtime(engine.runtime, engine.model, engine.device, engine.precision)
    if runtime == "torchscript":
        from bgblur.bench.roofline import network_limit
    elif device == "cpu":
        from bgblur.bench.roofline_openvino import network_limit
    else:
        return {}
    return network_limit(engine, width, height, input_height)


def _part(pipeline: Pipeline, meter: Meter, seconds: float) -> dict[str, Any]:
    pipeline.stats.restart()
    meter.start()
    waiting = threading.Event()
    waiting.wait(seconds)
    latest = time.monotonic() + _PATIENCE
    while pipeline.stats.frames < 2 and time.monotonic() < latest:
        waiting.wait(0.05)  # the machine is busy: a longer part is as good
    if pipeline.stats.frames < 2:
        raise UsageError(f"fewer than two frames in {seconds:.1f} s: give --seconds more")
    return run_report(pipeline, meter)


class _ResizedSource:
    """A clip, resized to the size that is measured."""

    def __init__(self, source: Source, width: int, height: int) -> None:
        self.name, self.remark, self.fps = source.name, source.remark, source.fps
        self.width, self.height = width, height
        self._source = source

    def read(self) -> Frame:
        frame = self._source.read()
        picture = cover(frame.image, self.width, self.height)
        return replace(frame, image=picture, captured=time.monotonic())

    def close(self) -> None:
        self._source.close()


class _CachedDemo:
    """The demo with pictures that are drawn once and played forwards and backwards. Drawing one
    takes as long as blurring it, and a camera does not do it."""

    def __init__(self, demo: DemoSource) -> None:
        self.name, self.remark = demo.name, demo.remark
        self.width, self.height, self.fps = demo.width, demo.height, demo.fps
        self._picture = cache(lambda number: demo.picture(number / 30))
        self._pacer = Pacer(demo.fps)
        self._index = 0

    def read(self) -> Frame:
        self._pacer.wait()
        step = self._index % (2 * _DRAWN - 2)
        frame = Frame(
            self._picture(min(step, 2 * _DRAWN - 2 - step)), self._index, time.monotonic()
        )
        self._index += 1
        return frame

    def close(self) -> None:
        """Nothing to release."""


def _open_sized(settings: Settings) -> Source:
    source, wanted = open_source(settings.camera), (settings.camera.width, settings.camera.height)
    if isinstance(source, DemoSource):
        return _CachedDemo(source)
    return source if (source.width, source.height) == wanted else _ResizedSource(source, *wanted)


def _wait_for_gpu() -> bool:
    """Wait for work on a GPU. Returns False where none is used."""
    torch = loaded_torch()
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return False
    from bgblur.gpu.stream import marked, on_stream

    with on_stream("cuda"):  # waiting for the whole device would make a graph's capture fail
        marked("cuda")()
    return True


if __name__ == "__main__":
    try:
        chosen = Settings.model_validate_json(sys.stdin.read())
        print(json.dumps(measure(chosen, float(sys.argv[1]), sys.argv[2] == "1")))
    except BgblurError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
