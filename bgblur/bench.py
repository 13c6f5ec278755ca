"""Measures the daemon's pipeline: one process a run, so that start-up and memory are its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

from bgblur.config import Settings
from bgblur.errors import BgblurError, ModelError
from bgblur.overrides import Overrides
from bgblur.parts import load_backend, look_of, mask_of, open_source
from bgblur.pipeline import Pipeline
from bgblur.report import Meter, machine, run_report
from bgblur.sinks.null import NullSink
from bgblur.stats import Stats

_WARM_UP = 2.0  # seconds after the first frame that are not counted
_START_WITHIN = 60.0


def bench(settings: Settings, sizes: list[tuple[int, int]], seconds: float) -> dict[str, Any]:
    """One run a size, each in a process of its own: the object that ``bench --json`` prints."""
    runs: list[dict[str, Any]] = []
    report: dict[str, Any] = {"machine": machine(), "runs": runs}
    for width, height in sizes:
        sized = Overrides({"camera.width": width, "camera.height": height}, settings)
        command = [sys.executable, "-m", "bgblur.bench", str(seconds)]
        done = subprocess.run(
            command,
            input=sized.over(settings).model_dump_json(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            failure = BgblurError(done.stderr.strip().splitlines()[-1])
            failure.exit_code = done.returncode
            raise failure
        run = json.loads(done.stdout)
        report["machine"] = run.pop("machine")  # the child has torch loaded and knows the GPU
        runs.append(run)
    return report


def measure(settings: Settings, seconds: float) -> dict[str, Any]:
    """Run the pipeline here, into nowhere, for ``seconds`` after it has warmed up."""
    meter, stats = Meter(), Stats()
    pipeline = Pipeline(
        lambda: open_source(settings.camera),
        lambda *_: NullSink(),
        lambda: load_backend(settings.engine, stats),
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
        stats.restart()
        meter.start()
        threading.Event().wait(seconds)
        return {**run_report(pipeline, meter), "machine": machine()}
    finally:
        pipeline.stop()
        pipeline.look.close()


if __name__ == "__main__":
    try:
        chosen = Settings.model_validate_json(sys.stdin.read())
        print(json.dumps(measure(chosen, float(sys.argv[1]))))
    except BgblurError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
