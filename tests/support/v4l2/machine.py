"""The virtual machine: boots it, and carries requests to the agent in it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from support.v4l2.boot_image import BootImage, boot_image
from support.v4l2.packages import UnavailableError, install_needed

SPEAKS_WITHIN = 30.0  # seconds until the kernel's first line; about one boot in ten hangs before
READY_WITHIN = 180.0  # seconds until the agent answers, under emulation on a busy machine
BOOTS = 4
_MARGIN = 60.0  # seconds that an answer may take beyond what was asked for

_AGENT = Path(__file__).with_name("agent.py")

_SHELL = """mkdir -p "$HOME"
modprobe vivid n_devs=1 node_types=0x1
modprobe videodev
insmod {loopback} exclusive_caps=1 card_label=bgblur video_nr=20
cd
setsid -c bash -i </dev/ttyS0 >/dev/ttyS0 2>&1
echo o >/proc/sysrq-trigger
sleep 60
"""


class Machine:
    """One booted machine; ``exchange`` is a folder that both sides see under the same path.

    The host's files are there, read from the host as they were when first looked at; what the
    machine changes is forgotten with it. Raises UnavailableError if it cannot run here.
    """

    def __init__(self) -> None:
        install_needed()
        image = boot_image()
        self.kernel_version = image.kernel_version
        self._folder = Path(tempfile.mkdtemp(prefix="v4l2-bench-"))
        self.exchange = self._folder / "exchange"
        self.exchange.mkdir()
        self.console = self._folder / "console"
        self.boots = 0
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._folder / "agent"))
        listener.listen()
        try:
            while not self._boot(image, listener):
                if self.boots == BOOTS:
                    raise UnavailableError(f"{BOOTS} boots failed: {self._last_words()}")
        except BaseException:
            self.close()
            raise
        finally:
            listener.close()

    def ask(self, do: str, patience: float = 0.0, **arguments: Any) -> dict[str, Any]:
        """Have the agent do something that takes up to ``patience`` seconds. Raises RuntimeError
        with the agent's traceback, TimeoutError where it does not answer."""
        self._port.settimeout(patience + _MARGIN)
        self._port.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")
        line = self._lines.readline()
        if not line:
            raise RuntimeError(f"the machine is gone: {self._last_words()}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply

    def gone(self) -> str | None:
        """Its last output, once it has ended."""
        return None if self._qemu.poll() is None else self._last_words()

    def close(self) -> None:
        self._qemu.kill()
        self._qemu.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _boot(self, image: BootImage, listener: socket.socket) -> bool:
        """Whether the agent answers."""
        self.boots += 1
        self.console.unlink(missing_ok=True)
        with (self._folder / "qemu").open("wb") as log:
            self._qemu = subprocess.Popen(
                self._command(image), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        booted = self._speaks(listener) and self._answers()
        if not booted:
            self._qemu.kill()
            self._qemu.wait()
        return booted

    def _speaks(self, listener: socket.socket) -> bool:
        """Whether QEMU connects to the agent's socket and the kernel prints its first line."""
        deadline = time.monotonic() + SPEAKS_WITHIN
        listener.settimeout(0.2)
        connected = False
        while not (connected and self._spoken()):
            if time.monotonic() > deadline or self._qemu.poll() is not None:
                return False
            if connected:
                time.sleep(0.2)
                continue
            with contextlib.suppress(TimeoutError):
                self._port, _ = listener.accept()
                connected = True
        return True

    def _answers(self) -> bool:
        self._lines = self._port.makefile("rb")
        self._port.settimeout(READY_WITHIN)
        with contextlib.suppress(TimeoutError):
            return bool(self._lines.readline())
        return False

    def _spoken(self) -> bool:
        return self.console.exists() and self.console.stat().st_size > 0

    def _last_words(self) -> str:
        texts = [(self._folder / "qemu").read_text(errors="replace")]
        if self._spoken():
            texts.append(self.console.read_text(errors="replace"))
        return " ".join("\n".join(texts).split())[-600:] or "no word from it"

    def _command(self, image: BootImage) -> list[str]:
        return [
            *_qemu(image, self.exchange, sys.executable, _AGENT),
            *("-serial", f"file:{self.console}"),
            *("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=agent"),
            *("-chardev", f"socket,id=agent,path={self._folder / 'agent'}"),
        ]


def boot_shell(loopback: Path) -> int:
    """A machine whose console is this terminal, with a camera and ``loopback`` loaded."""
    with tempfile.TemporaryDirectory(prefix="v4l2-bench-") as name:
        script = Path(name) / "shell"
        script.write_text(_SHELL.format(loopback=loopback), encoding="utf-8")
        command = _qemu(boot_image(), script.parent, "/bin/bash", script)
        return subprocess.run([*command, "-serial", "mon:stdio"], check=False).returncode


def _qemu(image: BootImage, exchange: Path, program: str, script: Path) -> list[str]:
    """A machine whose first process is ``program script``."""
    # Where KVM works, V4L2_BENCH_ACCEL=kvm is twenty times as fast; where it half works it hangs.
    accelerator = os.environ.get("V4L2_BENCH_ACCEL", "tcg,thread=multi")
    arguments = (
        "console=ttyS0 earlyprintk=ttyS0 panic=-1 quiet loglevel=4 "
        f"bench.exchange={exchange} bench.program={program} bench.script={script}"
    )
    share = "security_model=none,multidevs=remap"
    return [
        *("qemu-system-x86_64", "-accel", accelerator, "-cpu", "max", "-smp", "2", "-m", "4G"),
        *("-no-reboot", "-nodefaults", "-display", "none"),
        *("-kernel", str(image.kernel), "-initrd", str(image.initramfs), "-append", arguments),
        *("-virtfs", f"local,path=/,mount_tag=hostfs,{share},readonly=on"),
        *("-virtfs", f"local,path={exchange},mount_tag=exchange,{share}"),
    ]
