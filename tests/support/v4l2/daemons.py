"""``bgblur-cam`` in the guest, as the scenarios need it."""

from __future__ import annotations

import json
from typing import Any

from support.v4l2.guest import OUTPUT, Guest, Process

WIDTH, HEIGHT = 320, 180  # small: the point is behaviour, and emulation is slow
RED, BLUE, BARS, CHECKERS = 7, 9, 0, 10  # vivid's test patterns


def start_daemon(
    guest: Guest,
    *arguments: str,
    camera: str = "/dev/video0",
    output: str = OUTPUT,
    strength: int = 0,
    tiny: bool = True,
    settings: str = "",
) -> Process:
    """The daemon, fresh, of a user with these ``settings`` (TOML); with the tiny model unless a
    real one is wanted. See ``announced``."""
    model = guest.exchange / "tiny.ts" if tiny else "unet-lite"
    engine = f'[engine]\ndevice = "cpu"\nprecision = "fp32"\ninput_height = 96\nmodel = "{model}"\n'
    file = guest.exchange / f"{output.rpartition('/')[2]}.toml"
    file.write_text(engine + settings, encoding="utf-8")
    return guest.bgblur(
        *("--config", file, "--device", camera, "--output", output),
        *("--width", str(WIDTH), "--height", str(HEIGHT), "--fps", "30"),
        *("--strength", str(strength), *arguments),
    )


def announced(guest: Guest, daemon: Process) -> Process:
    """Wait until the daemon says which output it feeds."""

    def runs() -> bool:
        code = daemon.wait(0)
        assert code is None, f"exit code {code}: {daemon.err}"
        return " -> " in daemon.err

    guest.within(60, runs, "the daemon runs")
    return daemon


def status(guest: Guest) -> dict[str, Any] | None:
    """What ``bgblur-cam status --json`` reports of the only daemon; None before its first report,
    which is later than its first line, and after its end."""
    process = guest.bgblur("status", "--json")
    if process.wait(60) != 0:
        return None
    runs: list[dict[str, Any]] = json.loads(process.out)["runs"]
    return runs[0] if runs else None


def set_pattern(guest: Guest, pattern: int, camera: str = "/dev/video0") -> None:
    """Vivid's picture, without its text."""
    controls = f"test_pattern={pattern},osd_text_mode=2"
    guest.run("v4l2-ctl", "-d", camera, "-c", controls).check()


def clock(guest: Guest) -> float:
    """The guest's wall clock, seconds."""
    return float(guest.run("date", "+%s.%N").check().out)
