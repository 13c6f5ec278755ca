"""The daemon's start imports what it uses, and nothing that only takes time."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bgblur.pipeline.engines import cores

BEFORE_TORCH = {
    *("torch", "av", "starlette", "uvicorn", "pyvirtualcam", "linuxpy", "PIL", "filelock"),
    *("asyncio", "ssl", "sqlite3"),
}
NEVER = {
    *("skimage", "scipy", "sympy", "torch._dynamo", "torch._inductor", "torchvision", "timm"),
    *("segmentation_models_pytorch", "lightning", "kornia", "PySide6", "matplotlib", "av"),
    *("pyvirtualcam", "linuxpy", "networkx", "PIL"),
}

CODE = """
import gc, json, sys
import bgblur.cli, bgblur.config.file, bgblur.daemon.daemon, bgblur.tray.process
early = set(sys.modules)
from bgblur.config.settings import Settings
from bgblur.pipeline.build import load_backend, mask_of, open_source
from bgblur.sinks.web.sink import WebSink
from bgblur.stats import Stats
camera = {"device": "demo", "width": 320, "height": 180}
settings = Settings.model_validate({"camera": camera, "engine": {"runtime": sys.argv[1]}})
frame = open_source(settings.camera).read()
backend = load_backend(settings.engine, Stats())
backend.segment(frame.image, mask_of(settings))
garbage = {"collected": gc.isenabled(), "exempt": gc.get_freeze_count()}
print(json.dumps([sorted(early), sorted(sys.modules), garbage]))
"""


@pytest.mark.parametrize("runtime", ["openvino", "torchscript"])
def test_the_start_imports_nothing_heavy_that_it_does_not_use(runtime: str) -> None:
    pytest.importorskip("openvino" if runtime == "openvino" else "torch")
    code = [sys.executable, "-c", CODE, runtime]
    done = subprocess.run(code, capture_output=True, text=True, timeout=120, check=True)
    before, after, garbage = json.loads(done.stdout)
    early, all_of_them = set(before), set(after)
    assert not early & BEFORE_TORCH
    assert not all_of_them & NEVER
    own, other = ("openvino", "torch") if runtime == "openvino" else ("torch", "openvino")
    assert own in all_of_them  # else nothing was started
    assert other not in all_of_them
    assert garbage["collected"]
    if runtime == "torchscript":
        assert garbage["exempt"] > 100_000  # torch's own, which no collection has to check


IDLE_BETWEEN = """
from bgblur.environment import prepare_process
prepare_process()
import os, time, cv2, numpy as np
cv2.setNumThreads(2)
picture = np.zeros((360, 640, 3), np.uint8)
began = time.process_time()
for _ in range(100):
    for _ in range(5):
        cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    time.sleep(0.01)
print(time.process_time() - began, os.environ["OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER"])
"""


def test_opencvs_idle_threads_sleep() -> None:
    def measured(**spinning: str) -> tuple[float, str]:
        done = subprocess.run(
            [sys.executable, "-c", IDLE_BETWEEN],
            env=os.environ | spinning,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        seconds, rounds = done.stdout.split()
        return float(seconds), rounds

    if cores() < 2:
        pytest.skip("one core: OpenCV has no threads to wait")
    as_shipped, rounds = measured()
    assert rounds == "0"  # OpenCV's own 2000 cost too little to be seen on a busy machine
    many_rounds, _ = measured(OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER="10000000")
    assert as_shipped < 0.5 * many_rounds  # OpenCV does follow the variable
