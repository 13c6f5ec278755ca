"""Runs the daemon until it has been seen for some seconds, and writes down what it touches.

``python alone.py FOLDER REPORT.json COMMAND...``. With ``--shut`` before the command, and under
``unshare --net --mount``, there is no network but the loopback, and nothing can be written outside
FOLDER.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil

KEPT = {"proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "mqueue"}


def shut(folder: Path) -> None:
    """Loopback up; every other place read-only, or this ends in an error."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split(" ")
        below_dev = place == "/dev" or place.startswith(("/dev/", "/sys/", "/proc/"))
        if kind in KEPT or below_dev or place == str(folder) or "ro" in options.split(","):
            continue
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
    for outside in (Path.cwd(), Path("/var/tmp"), folder.parent):
        try:
            (outside / "written").touch()
        except OSError:
            continue
        raise SystemExit(f"{outside} can be written to")
    (folder / "written").touch()


def fetched(url: str) -> dict[str, Any]:
    """The page, and the beginning of its stream."""
    base, _, token = url.partition("?")
    with urllib.request.urlopen(url, timeout=60) as page:
        text = page.read().decode()
    with urllib.request.urlopen(f"{base}stream?{token}", timeout=60) as stream:
        jpeg = stream.read(2000)
    return {"page": "<title>" in text, "picture": b"\xff\xd8\xff" in jpeg}


def watched(process: psutil.Popen, state: Path) -> dict[str, Any]:
    """Its sockets, the files it has open for writing, its states, until it ends: by Ctrl-C some
    seconds after its page was fetched."""
    fetched_at = float("inf")
    sockets: set[str] = set()
    written: set[str] = set()
    states: set[str] = set()
    report: dict[str, Any] = {}
    while process.poll() is None:
        try:
            for connection in process.net_connections("inet"):
                sockets |= {
                    address.ip for address in (connection.laddr, connection.raddr) if address
                }
            written |= {file.path for file in process.open_files() if file.mode not in ("r", "")}
        except psutil.Error:
            break
        for path in state.glob("*.json"):
            try:
                run = json.loads(path.read_text())["runs"][0]
            except OSError:
                continue
            states.add(run["state"])
            report["mode"] = oct(path.stat().st_mode & 0o777)
            if run["state"] == "blurring" and "page" not in report:
                report |= fetched(run["preview"])
                fetched_at = time.monotonic()
        if time.monotonic() > fetched_at + 4:
            process.send_signal(signal.SIGINT)
            fetched_at = float("inf")
        time.sleep(0.05)
    report |= {"sockets": sorted(sockets), "written": sorted(written), "states": sorted(states)}
    return report | {"code": process.wait()}


def main(folder: Path, report: Path, *command: str) -> None:
    if command[0] == "--shut":
        shut(folder)
        command = command[1:]
    places = {
        "HOME": folder,
        "TMPDIR": folder / "tmp",
        **{
            f"XDG_{kind}_HOME": folder / kind.lower()
            for kind in ("CONFIG", "STATE", "CACHE", "DATA")
        },
        "XDG_RUNTIME_DIR": folder / "runtime",
    }
    for place in places.values():
        place.mkdir(exist_ok=True, mode=0o700)
    environment = os.environ | {name: str(place) for name, place in places.items()}
    process = psutil.Popen(command, env=environment, stderr=subprocess.PIPE)
    found = watched(process, places["XDG_STATE_HOME"] / "bgblur" / "run")
    assert process.stderr is not None
    found["said"] = process.stderr.read().decode()
    report.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
