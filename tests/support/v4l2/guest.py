"""The tests' interface to the machine: run programs, load cameras, read files."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from support.v4l2.boot_image import loopback_module
from support.v4l2.machine import Machine

OUTPUT = "/dev/video20"  # of the first virtual camera
_ZYGOTE = 600.0  # seconds that the first fork may wait for the imports
_DAEMON = "import bgblur.cli; bgblur.cli.main()"


@dataclass(frozen=True)
class Result:
    """The result of a program; ``code`` is negative if a signal ended it."""

    code: int
    out: str
    err: str

    def check(self) -> Result:
        assert self.code == 0, f"exit code {self.code}\n{self.out}\n{self.err}"
        return self


class Process:
    """A program in the guest; a context manager that ends it."""

    def __init__(self, machine: Machine, started: dict[str, object]) -> None:
        self._machine = machine
        self.pid = int(str(started["pid"]))
        self._output = str(started["output"])

    def wait(self, timeout: float) -> int | None:
        """Its exit code; None if it still runs after ``timeout`` seconds."""
        code = self._machine.ask("wait", timeout, pid=self.pid, timeout=timeout)["rc"]
        return None if code is None else int(code)

    @property
    def out(self) -> str:
        return str(self._machine.ask("read", path=f"{self._output}.out")["text"])

    @property
    def err(self) -> str:
        return str(self._machine.ask("read", path=f"{self._output}.err")["text"])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and all that it started."""
        self._machine.ask("signal", pid=self.pid, number=number)

    def stop(self, timeout: float = 20.0) -> Result:
        """SIGTERM, and after ``timeout`` seconds SIGKILL."""
        if self.wait(0) is None:
            self.signal(signal.SIGTERM)
        code = self.wait(timeout)
        if code is None:
            self.signal(signal.SIGKILL)
            code = self.wait(timeout)
        assert code is not None, f"process {self.pid} cannot be ended"
        return Result(code, self.out, self.err)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        result = self.stop()
        if error is not None:
            error.add_note(f"process {self.pid} said:\n{result.out}\n{result.err}")


class Guest:
    """A booted machine. ``exchange`` is a folder that both sides see under the same path."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.exchange = machine.exchange

    def warm(self) -> None:
        """Begin the imports that the first ``fork`` or ``bgblur`` waits for."""
        self._machine.ask("warm")

    def start(self, *argv: str | Path, env: dict[str, str] | None = None) -> Process:
        words = [str(word) for word in argv]
        return Process(self._machine, self._machine.ask("start", argv=words, env=env or {}))

    def run(
        self, *argv: str | Path, timeout: float = 60.0, env: dict[str, str] | None = None
    ) -> Result:
        """Raises AssertionError if it has not ended after ``timeout`` seconds."""
        return _ended(self.start(*argv, env=env), timeout)

    def fork(self, code: str, *arguments: str | Path, env: dict[str, str] | None = None) -> Process:
        """Python ``code`` where torch, OpenCV and bgblur are imported already."""
        argv = ["fork", *(str(argument) for argument in arguments)]
        started = self._machine.ask("fork", _ZYGOTE, code=code, argv=argv, env=env or {})
        return Process(self._machine, started)

    def bgblur(self, *arguments: str | Path, env: dict[str, str] | None = None) -> Process:
        """``bgblur-cam`` with these arguments, as the console script runs it."""
        return self.fork(_DAEMON, *arguments, env=env)

    def python(self, code: str, *arguments: str | Path, timeout: float = 120.0) -> Result:
        return _ended(self.fork(code, *arguments), timeout)

    def gone(self) -> str | None:
        """The last output of the machine, once it has ended."""
        return self._machine.gone()

    def close(self) -> None:
        self._machine.close()

    def clear(self) -> None:
        """End every program that was started and still runs."""
        self._machine.ask("clear")

    def read(self, path: str) -> str:
        return str(self._machine.ask("read", path=path)["text"])

    def write(self, path: str, text: str) -> None:
        self._machine.ask("write", path=path, text=text)

    # ------------------------------------------------------------ devices

    def load_cameras(self, count: int = 1) -> None:
        """Vivid's webcams, /dev/video0 and up, loaded again: colour bars without text."""
        self.unload("vivid")
        types = ",".join(["0x1"] * count)
        self.run("modprobe", "vivid", f"n_devs={count}", f"node_types={types}").check()
        for number in range(count):
            self.run("v4l2-ctl", "-d", f"/dev/video{number}", "-c", "osd_text_mode=2").check()

    def load_loopback(self, version: str, *numbers: int) -> None:
        """This version of v4l2loopback as ``bgblur-cam setup`` would, a device each of
        ``numbers``. Raises UnavailableError."""
        module = loopback_module(self._machine.kernel_version, version)
        self.unload("v4l2loopback")
        numbers = numbers or (20,)
        labels = ",".join(["bgblur", *(f"bgblur {n}" for n in range(2, len(numbers) + 1))])
        self.run("modprobe", "videodev").check()
        self.run(
            *("insmod", module, f"devices={len(numbers)}", f"card_label={labels}"),
            f"exclusive_caps={','.join('1' for _ in numbers)}",
            f"video_nr={','.join(str(number) for number in numbers)}",
        ).check()

    def unload(self, module: str) -> None:
        self.run("sh", "-c", f"[ ! -e /sys/module/{module} ] || rmmod {module}").check()

    def within(self, seconds: float, happened: Callable[[], bool], what: str) -> float:
        """Wait until ``happened``. Returns the seconds it took. Raises AssertionError."""
        began = time.monotonic()
        while not happened():
            assert time.monotonic() - began < seconds, f"not within {seconds:g} s: {what}"
            time.sleep(0.25)
        return time.monotonic() - began


def _ended(process: Process, timeout: float) -> Result:
    with process:
        code = process.wait(timeout)
        assert code is not None, f"it still runs after {timeout:g} s"
        return Result(code, process.out, process.err)
