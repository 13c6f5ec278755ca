"""The measuring loop and the tables; MediaPipe itself only if its environment is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.scenes import disc, over, portrait

from bgblur.errors import BgblurError, UsageError
from bgblur.training.peers import environment, side
from bgblur.training.peers.compare import SideProcess, compare, table, verdict

WIDTH, HEIGHT, FRAMES = 128, 96, 4

PEER = environment.peer_folder()  # the user's own, found before the tests get another cache


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A clip of a red disc over a photo, lossless, and its true matte."""
    alpha = disc(WIDTH, HEIGHT)
    image = over(np.array([0, 0, 255], np.float32), alpha, portrait(WIDTH, HEIGHT))
    matte = np.repeat((255 * alpha + 0.5).astype(np.uint8)[..., None], 3, axis=2)
    paths = tmp_path / "clip.mkv", tmp_path / "clip_alpha.mkv"
    for path, picture in zip(paths, (image, matte), strict=True):
        with av.open(str(path), "w") as container:
            stream = container.add_stream("ffv1", rate=25)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
            for _ in range(FRAMES):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
            container.mux(stream.encode(None))
    return paths


class RedIsThePerson:
    """A side that is always right on that clip; it records the order of the timed jobs."""

    about = "finds red"

    def __init__(self, name: str, seconds: float, order: list[str]) -> None:
        self._name, self._seconds, self._order = name, seconds, order

    def ask(self, job: Mapping[str, str]) -> dict[str, Any]:
        if "alphas" not in job:
            self._order.append(self._name)
            return {"seconds": self._seconds, "cpu_seconds": 2 * self._seconds}
        return next(side.serve(self._clip, [json.dumps(job)]))

    def _clip(self, frames: Iterable[Any]) -> Iterator[side.Result]:
        for frame in frames:
            red = (frame[..., 2] > 200) & (frame[..., 0] < 60)
            yield frame, {self._name: red.astype(np.float32)}


def test_both_are_timed_in_turn_on_the_same_frames(pair: tuple[Path, Path]) -> None:
    order: list[str] = []
    sides = {"us": RedIsThePerson("us", 0.4, order), "them": RedIsThePerson("them", 0.2, order)}
    found = compare(sides, [pair], (None, (2 * WIDTH, 2 * HEIGHT)), frames=3, rounds=2)
    assert order == ["us", "them"] * 4
    assert [entry["size"] for entry in found] == ["own size", "256x192"]
    for entry in found:
        assert entry["speed"]["us"]["fps"] == pytest.approx([3 / 0.4] * 3)
        assert entry["speed"]["them"]["cpu_ms"] == pytest.approx([1000 * 0.4 / 3] * 3)
        assert entry["accuracy"]["us"]["iou"] > 0.85  # its outline is hard-edged
        assert entry["accuracy"]["us"]["dtssd"] == pytest.approx(0)  # nothing moves
    lines = table(found).splitlines()
    assert len(lines) == 2 + 4
    assert lines[2].startswith("| own size | them | 15.0 (15.0..15.0) | 133.3")


def test_the_verdict_names_the_better_side() -> None:
    def figures(iou: float, dtssd: float) -> dict[str, float]:
        return {"iou": iou, "boundary_f": 0.5, "mad": 0.1, "dtssd": dtssd}

    entry = {
        "size": "own size",
        "speed": {
            "us": {"fps": [10.0, 9.0, 11.0], "cpu_ms": [50.0, 49.0, 51.0]},
            "them": {"fps": [40.0, 39.0, 41.0], "cpu_ms": [100.0, 99.0, 101.0]},
        },
        "accuracy": {"us": figures(0.8, 0.7), "them": figures(0.9, 1.1)},
    }
    (line,) = verdict([entry], "us", "them")
    assert line == (
        "own size: them does 4.0 x the frames a second; "
        "us does 2.0 x the frames a second of processor time; "
        "them ahead by 0.100 in IoU; us ahead by 0.400 in dtSSD (less flicker)"
    )


def test_the_bgblur_side_blurs_and_is_timed(tmp_path: Path) -> None:
    path = tmp_path / "frames.npy"
    np.save(path, np.stack([portrait(160, 90)] * FRAMES))
    options = json.dumps({"engine.model": "unet-resnet18", "engine.input_height": "96"})
    process = SideProcess([sys.executable, "-m", side.__name__, "bgblur", options])
    try:
        assert process.about.endswith("input height 96")
        assert process.ask({"frames": str(path), "alphas": str(tmp_path / "of")}) == {}
        took = process.ask({"frames": str(path)})
    finally:
        process.close()
    assert 0 < took["seconds"] < 60
    assert 0 < took["cpu_seconds"] < 60
    alphas = np.load(tmp_path / "of_bgblur.npy")
    assert alphas.shape == (FRAMES, 90, 160)
    assert alphas.max() > 200  # the person is found


def test_a_side_that_stops_says_why() -> None:
    with pytest.raises(BgblurError, match="no such module"):
        SideProcess([sys.executable, "-c", "raise SystemExit('no such module')"])


def test_an_unfinished_environment_does_not_count(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch()
    assert environment.find_environment(tmp_path) is None
    (tmp_path / "ready").touch()
    assert environment.find_environment(tmp_path) == python


def test_without_a_fitting_python_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PYTHONS", ("2.7", "2.6"))
    with pytest.raises(UsageError, match=r"needs Python 2\.6 to 2\.7"):
        environment.suitable_python()


def test_an_installation_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be made"):
        environment.make_environment(tmp_path / "peer", "/no/python", lambda _: None)


@pytest.mark.slow
def test_mediapipe_finds_the_astronaut(tmp_path: Path) -> None:
    python = environment.find_environment(PEER)
    if python is None:
        pytest.skip("scripts/compare_peer.py has not installed MediaPipe here")
    path = tmp_path / "frames.npy"
    np.save(path, np.stack([portrait(320, 180)] * FRAMES))
    process = SideProcess([str(python), str(side.__file__), "mediapipe", "{}"])
    try:
        process.ask({"frames": str(path), "alphas": str(tmp_path / "of")})
    finally:
        process.close()
    for kind in ("mediapipe", "mediapipe, soft"):
        alphas = np.load(tmp_path / f"of_{kind}.npy")
        assert alphas.shape == (FRAMES, 180, 320)
        assert 0.2 < (alphas > 127).mean() < 0.9


def test_the_script_names_the_missing_data(tmp_path: Path) -> None:
    script = Path(__file__).resolve().parents[3] / "scripts" / "compare_peer.py"
    done = subprocess.run(
        [sys.executable, str(script), "--data", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert "--data" in done.stderr
