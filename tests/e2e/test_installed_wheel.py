"""The wheel as people install it: without extras, in an environment of its own, without torch."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.scenes import portrait

from bgblur.frame import Image

ROOT = Path(__file__).resolve().parents[2]
_NO_NETWORK = (
    "No matching distribution found",
    "Failed to establish a new connection",
    "Max retries exceeded",
    "Read timed out",
)
_LARGEST = 900  # MB of the environment, Python's own files not counted


class Installed:
    """An environment outside the checkout; its programs see neither the checkout nor the user's
    files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"
        self.home = folder / "home"
        self.home.mkdir()

    def run(self, *command: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        hidden = ("PYTHONPATH", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")
        inherited = {name: value for name, value in os.environ.items() if name not in hidden}
        places = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
        return subprocess.run(
            [str(self.python), *map(str, command)],
            cwd=self.folder,
            env={**inherited, **dict.fromkeys(places, str(self.home))},
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def bgblur(self, *arguments: str | Path) -> str:
        done = self.run("-m", "bgblur", *arguments)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=True)
    made = Installed(folder)
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    wheels = folder / "wheels"
    built = subprocess.run(
        [str(made.python), "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", wheels, ROOT],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    _skip_without_network(built)
    [wheel] = wheels.glob("bgblur-*.whl")
    _skip_without_network(made.run(*pip, wheel, timeout=1200))
    return made


def _skip_without_network(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode and any(words in done.stderr for words in _NO_NETWORK):
        pytest.skip(f"needs the package registry: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_base_install_blurs_without_torch(
    installed: Installed, record_property: Any, tmp_path: Path
) -> None:
    where = installed.run("-c", "import bgblur; print(bgblur.__file__)").stdout
    assert str(installed.folder) in where, "the checkout's must not be what is tried"
    assert installed.run("-c", "import torch").returncode == 1
    site = Path(where).parents[1]
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) / 1e6
    record_property("megabytes", round(size))
    assert size < _LARGEST
    _blurs_a_photo(installed, tmp_path)
    _blurs_a_clip(installed, tmp_path)
    checks = json.loads(installed.run("-m", "bgblur", "doctor", "--json").stdout)["checks"]
    found = {check["title"]: check for check in checks}
    assert "OpenVINO" in found["runtime"]["detail"]
    for title in ("python", "packages", "runtime", "model"):
        assert found[title]["status"] in ("ok", "warn"), found[title]


def _blurs_a_photo(installed: Installed, folder: Path) -> None:
    photo = portrait(640, 360)
    cv2.imwrite(str(folder / "photo.png"), photo)
    options = ("--out-dir", folder / "done", "--save", "composite,alpha")
    installed.bgblur("image", folder / "photo.png", *options)
    alpha, blurred = (
        np.asarray(cv2.imread(str(folder / "done" / name)))
        for name in ("photo_alpha.png", "photo.png")
    )
    alpha = alpha[..., 0]
    assert 0.1 < (alpha > 230).mean() < 0.9
    assert np.abs(blurred.astype(int) - photo)[alpha < 10].mean() > 3


def _blurs_a_clip(installed: Installed, folder: Path) -> None:
    made = "ffmpeg -v error -loop 1 -i photo.png -frames:v 6 -pix_fmt yuv420p clip.mp4"
    subprocess.run(made.split(), cwd=folder, check=True)
    mattes = ("--alpha", folder / "alpha.mkv")
    installed.bgblur("video", folder / "clip.mp4", folder / "blurred.mp4", *mattes)
    before, after = (_first(folder / name) for name in ("clip.mp4", "blurred.mp4"))
    room = _first(folder / "alpha.mkv")[..., 0] < 10
    assert 0.1 < room.mean() < 0.9
    assert np.abs(after.astype(int) - before)[room].mean() > 3


def _first(path: Path) -> Image:
    read, picture = cv2.VideoCapture(str(path)).read()
    assert read, path
    return picture
