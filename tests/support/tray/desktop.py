"""A separate desktop for tests of the tray: X server, panel, mouse, and a camera on the screen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from bgblur.frame import Image

NEEDED = ("Xvfb", "trayer", "xdotool", "ffmpeg")
MISSING = [name for name in NEEDED if shutil.which(name) is None]
WIDTH, HEIGHT, ICON = 800, 600, 24
TESTS = Path(__file__).parents[2]
EYES = Path(__file__).parent / "eyes"  # what the tray's process imports first


class Desktop:
    """``panel`` False is a desktop without a tray. Programs it opens leave their argument in
    ``opened``."""

    def __init__(self, folder: Path, *, panel: bool = True) -> None:
        self.opened = folder / "opened"
        self._eyes = folder / "eyes.json"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._log = (folder / "log").open("w+")
        programs = folder / "bin"
        programs.mkdir()
        for name in ("xdg-open", "browser"):
            program = programs / name
            program.write_text(f'#!/bin/sh\nprintf %s "$1" >"{self.opened}.tmp"\n'
                               f'mv "{self.opened}.tmp" "{self.opened}"\n')  # fmt: skip
            program.chmod(0o755)
        self.env = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(
                [str(TESTS.parent), str(TESTS / "support" / "tray" / "eyes")]
            ),
            "TRAY_EYES": str(self._eyes),
            "BROWSER": str(programs / "browser"),
            "XDG_CURRENT_DESKTOP": "",
            "XDG_SESSION_TYPE": "x11",
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere",
        }
        self.env.pop("WAYLAND_DISPLAY", None)
        self._start_display()
        if panel:
            self.start("trayer", "--edge", "top", "--align", "right", "--height", str(ICON))
            self.mouse("search", "--sync", "--onlyvisible", "--class", "trayer")

    def _start_display(self) -> None:
        read, write = os.pipe()
        size = f"{WIDTH}x{HEIGHT}x24"
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp"]
        self._processes.append(
            subprocess.Popen(
                command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )
        os.close(write)
        with os.fdopen(read) as file:
            self.env["DISPLAY"] = f":{file.readline().strip()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._log.seek(0)
        print(self._log.read())  # pytest shows it where a test fails
        self._log.close()

    def start(
        self, *command: str, stdout: int | None = None, stderr: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program that ends with the desktop."""
        process = subprocess.Popen(
            command, env=self.env, stdout=stdout or self._log, stderr=stderr or self._log
        )
        self._processes.append(process)
        return process

    def bgblur(self, *arguments: str, stderr: int | None = None) -> subprocess.Popen[bytes]:
        return self.start(sys.executable, "-m", "bgblur", *arguments, stderr=stderr)

    # ------------------------------------------------------------ eyes

    def shot(self) -> Image:
        """The screen, BGR."""
        grab = ["ffmpeg", "-loglevel", "error", "-f", "x11grab", "-video_size"]
        grab += [f"{WIDTH}x{HEIGHT}", "-i", self.env["DISPLAY"], "-frames:v", "1"]
        done = subprocess.run(
            [*grab, "-f", "image2pipe", "-c:v", "png", "-"], capture_output=True, check=True
        )
        picture = cv2.imdecode(np.frombuffer(done.stdout, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        return picture.astype(np.uint8, copy=False)

    def icon(self) -> Image:
        return self.shot()[:ICON, -ICON:]

    def entries(self) -> dict[str, list[int]]:
        """The middle of each entry of the open menus."""
        return {text: at for text, at in self._seen().items() if not text.startswith("typed ")}

    def _seen(self) -> dict[str, list[int]]:
        """What the tray shows now; a tray that has ended shows nothing."""
        if not self._eyes.exists() or time.time() - self._eyes.stat().st_mtime > 3:
            return {}
        return dict(json.loads(self._eyes.read_text()))

    # ------------------------------------------------------------ hands

    def mouse(self, *commands: str | int) -> None:
        subprocess.run(
            ["xdotool", *map(str, commands)],
            env=self.env,
            stdout=self._log,
            check=True,
            timeout=60,
        )

    def sees(self, text: str) -> bool:
        return text in self._seen()

    def open_menu(self, button: int = 3) -> dict[str, list[int]]:
        assert eventually(lambda: not self.entries()), "a menu is open"
        self.mouse("mousemove", WIDTH - ICON // 2, ICON // 2, "click", button)
        assert eventually(partial(self.sees, "Mirror"))
        return self.entries()

    def choose(self, *texts: str) -> None:
        """Entry by entry, from the icon through submenus."""
        self.open_menu()
        for text, following in zip(texts, [*texts[1:], None], strict=True):
            assert eventually(partial(self.sees, text)), text
            assert eventually(partial(self._clicked, text, following)), text

    def _clicked(self, text: str, following: str | None) -> bool:
        """Whether a click on ``text`` shows ``following``, or with None closes the menu. A menu
        ignores the click that comes with its opening."""
        time.sleep(0.3)
        if (place := self.entries().get(text)) is not None:
            self.mouse("mousemove", *place, "click", 1)
        if following is None:
            return eventually(lambda: not self.entries(), 5)
        return eventually(partial(self.sees, following), 5)


def eventually(fits: Callable[[], object], within: float = 60.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if fits():
            return True
        time.sleep(0.03)
    return False
