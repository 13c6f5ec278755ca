"""``bgblur-cam image`` as a user runs it, with a large photo too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.scenes import portrait

pytestmark = pytest.mark.slow

# Runs the command and prints its peak memory in bytes. ru_maxrss is no use here: it starts with
# the parent's memory at the fork.
MEASURED = """
import pathlib, re, sys
from bgblur import cli
try:
    cli.app(sys.argv[1:])
finally:
    status = pathlib.Path("/proc/self/status").read_text()
    print("peak", int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_photo_of_40_megapixels_needs_less_than_1500_megabytes(tmp_path: Path) -> None:
    photo = cv2.resize(portrait(512, 384), (7304, 5478), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).integers(0, 13, photo.shape[:2], np.uint8)
    photo = cv2.add(photo, cv2.cvtColor(noise, cv2.COLOR_GRAY2BGR))  # a sensor's
    cv2.imwrite(str(tmp_path / "large.jpg"), photo)
    assert photo.shape[0] * photo.shape[1] > 40_000_000
    arguments = ["image", tmp_path / "large.jpg", "--out-dir", tmp_path / "out"]
    arguments += ["--save", "composite,alpha,mask", "--explain"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").iterdir())) == 4
    result = cv2.imread(str(tmp_path / "out" / "large.png"))
    assert result is not None
    assert result.shape == photo.shape
    peak = int(done.stdout.split("peak ")[1])
    assert peak < 1_500_000_000, f"{peak / 1e6:.0f} MB"


def test_a_folder_of_photos_with_an_explanation(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.jpg"), portrait(320, 240))
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (folder / "notes.txt").write_text("no picture")
    call = [sys.executable, "-m", "bgblur", "image", folder, "--out-dir", out, "--explain"]
    done = subprocess.run(
        list(map(str, call)), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "phone.heic: it is not a picture, or it is damaged" in line
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "a_explain.png"]
    sheet = cv2.imread(str(out / "a_explain.png"))
    assert sheet is not None
    assert sheet.shape[1] > 1500
