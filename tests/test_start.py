"""The daemon's start imports what it runs, and nothing that only takes time."""

from __future__ import annotations

import json
import subprocess
import sys

BEFORE_TORCH = {"torch", "av", "starlette", "uvicorn", "pyvirtualcam", "linuxpy", "PIL"}
NEVER = {
    *("skimage", "scipy", "sympy", "torch._dynamo", "torch._inductor", "torchvision", "timm"),
    *("segmentation_models_pytorch", "lightning", "kornia", "PySide6", "matplotlib", "av"),
    *("pyvirtualcam", "linuxpy", "networkx", "PIL"),
}

CODE = """
import json, sys
import bgblur.cli, bgblur.config_file, bgblur.daemon, bgblur.desktop.tray.process
early = set(sys.modules)
from bgblur.config import Settings
from bgblur.parts import load_backend, mask_of, open_source
from bgblur.sinks.web import WebSink
from bgblur.stats import Stats
settings = Settings.model_validate({"camera": {"device": "demo", "width": 320, "height": 180}})
frame = open_source(settings.camera).read()
backend = load_backend(settings.engine, Stats())
backend.segment(frame.image, mask_of(settings))
print(json.dumps([sorted(early), sorted(sys.modules)]))
"""


def test_the_start_imports_nothing_heavy_that_it_does_not_run() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, check=True
    )
    early, all_of_them = map(set, json.loads(done.stdout))
    assert not early & BEFORE_TORCH
    assert not all_of_them & NEVER
    assert "torch" in all_of_them  # else nothing was started
