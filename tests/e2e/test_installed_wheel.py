"""The archives as people get them: built twice with one hash, complete, and the wheel installed
without extras in an environment of its own, without torch."""

from __future__ import annotations

import hashlib
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import tarfile
import urllib.request
import venv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.scenes import portrait

from bgblur.desktop.share_files import SHARE
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
        self.program = self.python.with_name("bgblur-cam")
        home = folder / "home"
        home.mkdir()
        hidden = ("PYTHONPATH", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")
        places = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
        inherited = {name: value for name, value in os.environ.items() if name not in hidden}
        self.environment = {**inherited, **dict.fromkeys(places, str(home))}

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def bgblur(self, *arguments: str | Path) -> str:
        done = self.run(self.program, *arguments)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout


def build(source: Path, out: Path, **environment: str) -> dict[str, str]:
    """The archives that ``scripts/package`` of ``source`` makes, and their SHA-256."""
    done = subprocess.run(
        [source / "scripts/package", out],
        env={**os.environ, "PYTHON": sys.executable, "SOURCE_DATE_EPOCH": "1700000000"}
        | environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=900,
    )
    return {name: digest for digest, name in map(str.split, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built")
    build(ROOT, out)
    return out


@pytest.fixture(scope="module")
def unpacked(built: Path) -> Path:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(built / "unpacked", filter="data")
    return built / "unpacked" / sdist.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv")
    made = Installed(folder)
    [wheel] = built.glob("*.whl")
    pip = (sys.executable, "-m", "pip", "--python", made.python, "install", "--no-compile")
    done = subprocess.run(
        [*pip, "--quiet", "--disable-pip-version-check", wheel],
        env={**os.environ, "PYTHONPATH": ""},
        check=False,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    _skip_without_network(done)
    return made


def _skip_without_network(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode and any(words in done.stderr for words in _NO_NETWORK):
        pytest.skip(f"needs the package registry: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr


def test_the_sdist_holds_the_tree_and_no_pictures_of_others(unpacked: Path) -> None:
    files = {str(p.relative_to(unpacked)) for p in unpacked.rglob("*") if p.is_file()}
    kinds = "jpe?g|png|webp|gif|heic|jxl|avif|tiff?|bmp|mp4|mkv|webm|mov|avi|npz|npy|zip|tar"
    # One is in the public domain; scripts/docs_pictures.py makes the others from it.
    made = runpy.run_path(str(ROOT / "scripts/docs_pictures.py"))["PICTURES"]
    allowed = {"bgblur/sources/portrait.jpg", *(f"docs/{name}.png" for name in made)}
    assert {name for name in files if re.search(rf"\.({kinds})$", name)} == allowed
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    tree = subprocess.run(asked, cwd=ROOT, check=False, capture_output=True, text=True)
    if tree.returncode:
        pytest.skip("this is no checkout: there is no list to compare with")
    # What merely lies at the top stays out; what is in a folder of the project belongs to it.
    tops = {name.partition("/")[0] for name in files}
    there = [name for name in tree.stdout.splitlines() if (ROOT / name).is_file()]
    kept = {name for name in there if name.partition("/")[0] in tops}
    assert files - {"PKG-INFO"} == kept


@pytest.mark.slow
def test_two_builds_have_one_hash(built: Path, unpacked: Path, tmp_path: Path) -> None:
    """The second is built from the first's sdist: elsewhere, and with another time and umask."""
    for file in unpacked.rglob("*"):
        os.utime(file, (1, 1_000_000_000))
    unpacked.joinpath("README.md").chmod(0o600)
    again = build(unpacked, tmp_path, TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7")
    first = {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in built.iterdir() if p.is_file()
    }
    assert len(again) == 2
    assert again == first


@pytest.mark.slow
def test_the_base_install_blurs_without_torch(
    installed: Installed, record_property: Any, tmp_path: Path
) -> None:
    where = installed.run(installed.python, "-c", "import bgblur; print(bgblur.__file__)").stdout
    assert str(installed.folder) in where, "the checkout's must not be what is tried"
    assert installed.run(installed.python, "-c", "import torch").returncode == 1
    site = Path(where).parents[1]
    for path in (p for p in SHARE.rglob("*") if p.is_file()):
        placed = installed.python.parents[1] / "share" / path.relative_to(SHARE)
        assert placed.read_bytes() == path.read_bytes()
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) / 1e6
    record_property("megabytes", round(size))
    assert size < _LARGEST
    _blurs_a_photo(installed, tmp_path)
    _blurs_a_clip(installed, tmp_path)
    _serves_the_preview(installed)
    checks = json.loads(installed.run(installed.program, "doctor", "--json").stdout)["checks"]
    found = {check["title"]: check for check in checks}
    assert "OpenVINO" in found["runtime"]["detail"]
    for title in ("python", "packages", "runtime", "model"):
        assert found[title]["status"] in ("ok", "warn"), found[title]


def _serves_the_preview(installed: Installed) -> None:
    command: list[str | Path] = [
        installed.program,
        "--device",
        "demo",
        "--output",
        "web",
        "--duration",
        "600",
    ]
    daemon = subprocess.Popen(
        command, cwd=installed.folder, env=installed.environment, stderr=subprocess.PIPE, text=True
    )
    assert daemon.stderr is not None
    said = ""
    try:
        while not (address := re.search(r"http://127\.0\.0\.1:\S+", said)):
            line = daemon.stderr.readline()
            assert line, said
            said += line
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(address[0], timeout=60) as page:
            assert b"bgblur" in page.read()
    finally:
        daemon.send_signal(signal.SIGINT)
        rest = daemon.communicate(timeout=60)[1]
    assert daemon.returncode == 0, said + rest


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
