"""A thousand edits of the configuration in a minute, half of them mistakes."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest
from support.faults.daemon import FaultDaemon, fault_daemon
from support.faults.fairness import Heartbeat, feed_problem, no_descriptor_stays
from support.faults.rig import tried

WRITES = 1000
PAUSE = 0.025  # seconds between writes: all of them within a minute
ASKED_EVERY = 125  # writes between checks of what is in force


def good(chance: random.Random) -> tuple[str, int]:
    """(text, its strength), with a change in every section that changes live."""
    strength = chance.randint(1, 100)
    lines = [
        f"[background]\nstrength = {strength}",
        f'mode = "{chance.choice(["blur", "blur", "color"])}"\ncolor = "#5a5a5a"',
        f"[mask]\nsmoothing = {chance.choice([0.0, 0.5, 0.9])}",
        f"feather = {chance.choice([0, 0.5])}",
        f"[camera]\nmirror = {chance.choice(['true', 'false'])}",
        f"fps = {chance.choice([25, 30, 30, 30, 30])}",
        f"[engine]\ninput_height = {chance.choice([128, 128, 128, 160])}",
        f"[output]\npreview = false\ndevice = '/dev/video{chance.choice([9, 9, 9, 9, 8])}'",
    ]
    return "\n".join(lines) + "\n", strength


def bad(chance: random.Random) -> bytes:
    text = good(chance)[0]
    return chance.choice(
        [
            text.replace("strength", "strenght").encode(),
            text.replace("[mask]", "[mask").encode(),
            (text + "[background]\n").encode(),
            b"[background]\nstrength = 0.5\n",
            b"[background]\nstrength = 1000\nmode = 'none'\n",
            b"[background]\nmode = 'off'\n",
            b"\xff\xfe\x00" + chance.randbytes(200),
            b"strength = 0\n",
            text.encode() + b"[",
        ]
    )


def write(path: Path, content: bytes, chance: random.Random) -> None:
    """Write as editors do: in place, or by replacing the file."""
    tried()
    if chance.random() < 0.5:
        path.write_bytes(content)
    else:
        beside = path.with_suffix(".new")
        beside.write_bytes(content)
        beside.replace(path)


@pytest.mark.slow
def test_a_thousand_edits_half_of_them_mistakes(tmp_path: Path) -> None:
    chance, path = random.Random(4), tmp_path / "config.toml"
    with fault_daemon(path) as parts, Heartbeat() as heart:
        wait_for(parts, lambda: parts.daemon.pipeline.state == "blurring")
        time.sleep(1.0)  # the watcher has all its descriptors
        with no_descriptor_stays():
            before = threading.active_count()
            began = time.monotonic()
            for number in range(WRITES // 2):
                text, strength = good(chance)
                write(path, text.encode(), chance)
                if number % (ASKED_EVERY // 2) == 0:
                    in_force = {"strength": strength, "problem": None}
                    wait_for(parts, lambda wanted=in_force: has(parts, **wanted))
                    write(path, bad(chance), chance)
                    wait_for(parts, lambda: parts.daemon.status()["problem"] is not None)
                    assert parts.daemon.status()["strength"] == strength
                    assert parts.daemon.pipeline.look.strength == strength
                else:
                    time.sleep(PAUSE)
                    write(path, bad(chance), chance)
                    time.sleep(PAUSE)
                if number % 20 == 0:
                    judge(parts, heart)
            took = time.monotonic() - began
            text, strength = good(chance)
            write(path, text.encode(), chance)
            wait_for(parts, lambda: has(parts, strength=strength, problem=None))
            wait_for(parts, lambda: threading.active_count() <= before)
        assert took < 60 + 2 * heart.lost(began)[1]
        wait_for(parts, lambda: parts.daemon.pipeline.state == "blurring")


def has(parts: FaultDaemon, **wanted: object) -> bool:
    status = parts.daemon.status()
    return {key: status[key] for key in wanted} == wanted


def judge(parts: FaultDaemon, heart: Heartbeat) -> None:
    """Check that since the last call no raw frame came, and ten pictures a second."""
    assert not parts.ended, parts.ended
    assert not parts.output.wrong, parts.output.wrong[:3]
    now = time.monotonic()
    times = list(parts.output.times)
    problem = feed_problem(times, max(now - 1.0, times[0]), now, heart)
    assert problem is None, problem


def wait_for(parts: FaultDaemon, condition: object, seconds: float = 60.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert not parts.ended, parts.ended
        assert time.monotonic() < deadline, parts.daemon.status()
        time.sleep(0.02)
