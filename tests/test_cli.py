"""The command line as a process: its output lines and exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.faults.fairness import Heartbeat, crowding
from support.looks import detail

from bgblur.cli import _take_debug
from bgblur.sources.demo import DemoSource

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with folders for configuration and state of its own."""
    return {
        **os.environ,
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bgblur", *arguments]


def run(home: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=home, capture_output=True, text=True, timeout=90, check=False
    )


def test_version_and_help(home: dict[str, str]) -> None:
    assert run(home, "--version").stdout.strip() == "0.1.0"
    shown = run(home, "--help").stdout
    for name in (
        *("video", "image", "devices", "doctor", "setup", "service", "tray", "status", "toggle"),
        *("bench", "config", "--device", "--preview", "--tray"),
    ):
        assert name in shown


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--device", "77", "--output", "web"], 3, "no camera /dev/video77"),
        (["--device", "nonsense", "--output", "web"], 3, "nonsense"),
        (["--device", "gone.mp4", "--output", "web"], 3, "gone.mp4"),
        (["--device", "demo", "--output", "/dev/video77"], 4, "/dev/video77"),
        (["--device", "demo", "--output", "web", "--strength", "101"], 2, "at most 100"),
        (["--device", "demo", "--output", "web", "--strength", "much"], 2, "--strength"),
        (["--device", "demo", "--output", "web", "--mode", "fog"], 2, "fog"),
        (["--device", "demo", "--output", "web", "--background", "no.png"], 2, "no.png"),
        (["--device", "demo", "--output", "/no/such/folder/x.mp4"], 4, "/no/such/folder"),
        (["--device", "demo", "--output", "web", "--duration", "nan"], 2, "more than 0 seconds"),
        (["--no-such-option"], 2, "--no-such-option"),
        (["video", "-talk.mp4", "out.mp4"], 2, "If -talk.mp4 is a file, write ./-talk.mp4."),
        (["video", "talk.mp4", "-out.mp4"], 2, "If -out.mp4 is a file, write ./-out.mp4."),
        (["--config", "missing.toml"], 2, "missing.toml"),
        (["config", "set", "background.strenght", "3"], 2, 'did you mean "strength"'),
        (["config", "set", "background.strength", "101"], 2, "at most 100"),
        (["config", "set", "camera.center", "0.5", "2"], 2, 'words in quotes, such as "0.5 0.4".'),
        (["config", "show", "all"], 2, "unexpected extra argument(s) (all). See bgblur-cam --help"),
        (["video", "missing.mp4", "out.mp4"], 2, "missing.mp4"),
        (["image", "missing.png", "--out-dir", "out"], 2, "missing.png"),
        (["image", "missing.png", "--out-dir", "out", "--save", "everything"], 2, "everything"),
        (["bench", "--size", "huge"], 2, "huge"),
        (["bench", "--plot", "bench.jpg"], 2, "bench.png"),
        (["status"], 2, "no bgblur-cam is running"),
    ],
)
def test_a_mistake_gives_one_line_and_its_exit_code(
    home: dict[str, str], arguments: list[str], code: int, says: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        command(*arguments),
        env=home,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == code, done.stderr
    assert says in lines[-1]
    assert "Traceback" not in done.stderr
    assert len(lines) == 1, done.stderr


@pytest.mark.skipif(Path("/dev/video0").exists(), reason="this machine has a V4L2 device")
def test_without_camera_or_loopback_the_message_names_alternatives(home: dict[str, str]) -> None:
    no_camera = run(home)
    assert no_camera.returncode == 3
    assert "--device demo" in no_camera.stderr
    no_output = run(home, "--device", "demo")
    assert no_output.returncode == 4
    assert "v4l2loopback" in no_output.stderr
    assert "--output web" in no_output.stderr
    assert "no camera" in run(home, "devices").stderr
    found = json.loads(run(home, "devices", "--json").stdout)
    assert found["devices"] == []
    assert found["engine_devices"]["cpu"]


def model_config(tmp_path: Path, data: bytes | None) -> Path:
    model = tmp_path / "model.ts"
    if data is not None:
        model.write_bytes(data)
    config = tmp_path / "model.toml"
    config.write_text(f'[engine]\nmodel = "{model}"\n')
    return config


@pytest.mark.parametrize("data", [None, b"", b"not a model"], ids=["missing", "empty", "wrong"])
def test_a_bad_model_ends_with_code_5(
    home: dict[str, str], tmp_path: Path, data: bytes | None
) -> None:
    config = str(model_config(tmp_path, data))
    done = run(home, "--device", "demo", "--output", "web", "--config", config, "--duration", "60")
    assert done.returncode == 5, done.stderr
    assert str(tmp_path / "model.ts") in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--device", "gone.mp4", "--output", "web", "--debug"],
        ["--debug", "video", "gone.mp4", "out.mp4"],
        ["video", "--debug", "gone.mp4", "out.mp4"],
        ["image", "gone.png", "--out-dir", "out", "--debug"],
        ["bench", "--debug", "--size", "huge"],
        ["tray", "--config", "gone.toml", "--debug"],
        ["status", "--debug"],
        ["config", "set", "background.strength", "101", "--debug"],
        ["--debug", "--no-such-option"],
    ],
)
def test_debug_shows_the_traceback(
    home: dict[str, str], arguments: list[str], tmp_path: Path
) -> None:
    done = subprocess.run(
        command(*arguments), env=home, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Traceback" in done.stderr
    assert "No such option: --debug" not in done.stderr


def test_debug_after_two_dashes_is_for_the_service() -> None:
    argv = ["bgblur-cam", "--debug", "service", "install", "--", "--debug"]
    assert _take_debug(argv)
    assert argv == ["bgblur-cam", "service", "install", "--", "--debug"]
    assert not _take_debug(argv)
    assert argv == ["bgblur-cam", "service", "install", "--", "--debug"]


def test_help_names_debug(home: dict[str, str]) -> None:
    assert "--debug" in run(home, "--help").stdout


def test_config_commands(home: dict[str, str], tmp_path: Path) -> None:
    path = Path(run(home, "config", "path").stdout.strip())
    assert tmp_path in path.parents
    assert run(home, "config", "set", "background.strength", "35").returncode == 0
    assert "strength = 35" in path.read_text()
    assert "strength = 35" in run(home, "config", "show").stdout
    assert run(home, "config", "validate").returncode == 0
    assert run(home, "toggle").stdout.strip() == "strength 0"
    assert run(home, "toggle").stdout.strip() == "strength 35"
    assert run(home, "config", "set", "output.device", "null").stderr == ""
    run(home, "config", "set", "output.devices", "null,web")
    useless = run(home, "config", "set", "output.device", "web")
    assert "output.device has no effect" in useless.stderr
    run(home, "config", "set", "output.devices", "")
    assert run(home, "config", "set", "output.device", "null").stderr == ""
    path.write_text("[background]\nstrength = 400\n")
    broken = run(home, "config", "validate")
    assert broken.returncode == 2
    assert "line 2" in broken.stderr


def test_image_saves_the_chosen_kinds(home: dict[str, str], tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    portrait = DemoSource(641, 361).picture(0)
    cv2.imwrite(str(photo), portrait)
    out = tmp_path / "out"
    done = run(home, "image", str(photo), "--out-dir", str(out), "--save", "composite,alpha,mask")
    assert done.returncode == 0, done.stderr
    composite = cv2.imread(str(out / "photo.png"))
    alpha = cv2.imread(str(out / "photo_alpha.png"), cv2.IMREAD_UNCHANGED)
    mask = cv2.imread(str(out / "photo_mask.png"), cv2.IMREAD_UNCHANGED)
    assert composite is not None
    assert alpha is not None
    assert mask is not None
    assert composite.shape == portrait.shape
    assert alpha.shape == mask.shape == portrait.shape[:2]
    assert set(np.unique(mask)) <= {0, 255}
    person = alpha > 250
    assert 0.15 < person.mean() < 0.9
    assert np.abs(composite[person].astype(int) - portrait[person]).max() <= 6
    far = cv2.dilate(alpha, np.ones((9, 9), np.uint8)) == 0
    assert detail(composite)[far].mean() < 0.1 * detail(portrait)[far].mean()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_within_a_second_and_the_file_plays(
    home: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    target = tmp_path / "out.mp4"
    arguments = ["--device", "demo", "--width", "321", "--height", "181"]
    daemon = subprocess.Popen(
        command(*arguments, "--output", str(target)), env=home, stderr=subprocess.PIPE, text=True
    )
    wait_for_status(home, "blurring")
    crowded = crowding()
    with Heartbeat() as heart:
        began = time.monotonic()
        daemon.send_signal(number)
        _, errors = daemon.communicate(timeout=60)
        took, lost = time.monotonic() - began, heart.lost(began)[1]
    crowded = max(crowded, crowding())
    assert daemon.returncode == 0, errors
    assert took < (1.0 + 0.5) * crowded + 2 * lost  # with the interpreter's own exit
    clip = cv2.VideoCapture(str(target))
    assert clip.get(cv2.CAP_PROP_FRAME_WIDTH) == 322  # odd sizes are padded to even ones
    assert clip.get(cv2.CAP_PROP_FRAME_HEIGHT) == 182
    assert clip.read()[0]
    assert run(home, "status").returncode == 2  # no longer listed


def wait_for_status(
    home: dict[str, str], state: str, problem: bool = False, seconds: float = 120.0
) -> dict[str, object]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        runs = json.loads(run(home, "status", "--json").stdout)["runs"]
        if runs and runs[0]["state"] == state and (runs[0]["problem"] is not None) == problem:
            found: dict[str, object] = runs[0]
            return found
        time.sleep(0.2)
    raise AssertionError(f"the daemon never reached the state {state}")


def test_edits_of_the_file_reach_the_running_daemon(home: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "live.toml"
    config.write_text('[camera]\ndevice = "demo"\nwidth = 320\nheight = 180\n')
    arguments = ["--config", str(config), "--output", "web"]
    daemon = subprocess.Popen(command(*arguments), env=home, stderr=subprocess.PIPE, text=True)
    try:
        first = wait_for_status(home, "blurring")
        assert first["strength"] == 60
        keys = {"source", "width", "height", "device", "precision", "input_height", "fps"}
        keys |= {"latency_ms", "stages_ms", "cpu_cores", "rss_mb", "gpu_mb", "startup_s"}
        assert keys <= first.keys()
        assert run(home, "toggle", "--config", str(config)).stdout.strip() == "strength 0"
        assert wait_for_status(home, "off")["strength"] == 0
        config.write_text(config.read_text().replace("strength = 0", "strength = 500"))
        still = wait_for_status(home, "off", problem=True)
        assert "at most 100" in str(still["problem"])
        assert "line" in str(still["problem"])
        config.write_text(config.read_text().replace("strength = 500", "strength = 80"))
        fixed = wait_for_status(home, "blurring")
        assert fixed["strength"] == 80
        assert fixed["problem"] is None
    finally:
        daemon.terminate()
        daemon.communicate(timeout=60)
