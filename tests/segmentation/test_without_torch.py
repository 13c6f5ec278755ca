"""What processors will run without torch must not import it."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "bgblur.segmentation.contract",
        "bgblur.segmentation.engine",
        "bgblur.segmentation.live",
        "bgblur.segmentation.models",
        "bgblur.compositing.compositor",
    ],
)
def test_an_import_does_not_load_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_frame_on_the_processor_does_not_load_torch() -> None:
    code = """
import sys
import numpy as np
from bgblur.segmentation.live import LiveMatting
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats

class Engine:
    device, precision, input_height = "cpu", "fp32", 96
    def upload(self, image): return image
    def infer(self, pixels): return np.ones((96, 160), np.float32)

live = LiveMatting(Engine(), Stats(), None, True)
_, alpha = live(np.zeros((96, 160, 3), np.uint8), MaskOptions())
assert alpha.shape == (96, 160)
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
