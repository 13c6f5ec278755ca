"""What processors will run without torch must not import it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from support.scenes import portrait


@pytest.mark.parametrize(
    "module",
    [
        "bgblur.segmentation.contract",
        "bgblur.segmentation.engine",
        "bgblur.segmentation.engine_openvino",
        "bgblur.segmentation.runtime",
        "bgblur.segmentation.trial",
        "bgblur.segmentation.live",
        "bgblur.segmentation.engine_mirrored",
        "bgblur.segmentation.models",
        "bgblur.segmentation.quality",
        "bgblur.compositing.compositor",
        "bgblur.pipeline.build",
        "bgblur.bench.run",
        "bgblur.machine.doctor",
        "bgblur.offline.batch",
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


# Nothing below can import torch, as where it is not installed.
NO_TORCH = """
import importlib.abc, importlib.machinery, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import importlib.util
found = importlib.util.find_spec
def find_spec(name, package=None):
    return None if name in ("torch", "torchvision") else found(name, package)
importlib.util.find_spec = find_spec
import numpy as np
"""


def run(code: str) -> None:
    command = [sys.executable, "-c", NO_TORCH + code]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_picture_and_a_stream_are_blurred_where_torch_is_not_installed() -> None:
    run("""
from bgblur.sources.demo import DemoSource
import bgblur
picture = DemoSource(640, 360, 30).picture(0.5)
done, alpha = bgblur.blur_image(picture, model="unet-lite")
assert (done != picture).any() and 0.1 < (alpha > 0.9).mean() < 0.9
with bgblur.Blurrer(live=True, model="unet-lite", input_height=96) as blurrer:
    done, alpha = blurrer(picture)
    assert (done != picture).any() and 0.1 < (alpha > 0.9).mean() < 0.9
assert "openvino" in sys.modules
# It would report the import to an analytics service.
loaded = {name for name, module in sys.modules.items() if module is not None}
assert not any(name.startswith("openvino_telemetry") for name in loaded), loaded
""")


def test_a_users_own_torchscript_says_what_it_needs() -> None:
    run("""
import bgblur
try:
    bgblur.blur_image(np.zeros((96, 160, 3), np.uint8), model="own.ts")
except bgblur.BgblurError as error:
    assert "pip install 'bgblur[gpu]'" in str(error), error
else:
    raise AssertionError("it must be refused")
""")


COMMANDS = {
    "image": ["image", "photo.png", "--out-dir", "done"],
    "video": ["video", "clip.mp4", "done.mp4"],
    "bench": ["bench", "--json", "--repeat", "1", "--seconds", "3", "--size", "320x180"],
    "doctor": ["doctor", "--json"],
    "devices": ["devices", "--json"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_works_where_torch_is_not_installed(command: str, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), portrait(160, 96))
    made = "ffmpeg -v error -loop 1 -i photo.png -frames:v 3 -pix_fmt yuv420p clip.mp4"
    subprocess.run(made.split(), cwd=tmp_path, check=True)
    code = f"""
import os
from bgblur.cli import main
leave = os._exit
def ended(code):
    # doctor's exit code is that of the first failed check: here there is no camera
    right = code in (0, None) or "doctor" in sys.argv
    if not right or "torch" in sys.modules:
        print(code, "torch" in sys.modules, file=sys.stderr, flush=True)
        leave(1)
    leave(0)
os._exit = ended  # the command line's way out while a thread is left
os.chdir({str(tmp_path)!r})
sys.argv = ["bgblur-cam", *{COMMANDS[command]!r}]
try:
    main()
except SystemExit as end:
    ended(end.code)
raise AssertionError("it has not ended")
"""
    run(code)
    made_by = {"image": tmp_path / "done" / "photo.png", "video": tmp_path / "done.mp4"}
    assert made_by.get(command, tmp_path).exists()
