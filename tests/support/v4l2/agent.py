"""The guest's first process: does what the host says, over a virtio port, one JSON object per line.

Its processes' output goes to files, so that none ever waits for a reader. When the host goes
away, the machine is switched off.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

FOLDER = Path("/run/v4l2-bench")  # of the processes' output


class Agent:
    """Each method is one request; what it returns is the reply."""

    def __init__(self) -> None:
        self._started = 0
        self._codes: dict[int, int] = {}
        self._pids: set[int] = set()
        self._zygote: subprocess.Popen[bytes] | None = None

    def warm(self) -> dict[str, Any]:
        """Begin the imports, which take minutes under emulation; ``fork`` waits for them."""
        if self._zygote is None:
            with (FOLDER / "zygote").open("wb") as log:
                self._zygote = subprocess.Popen(
                    [sys.executable, str(Path(__file__).with_name("zygote.py"))],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                )
        return {}

    def start(self, argv: list[str], env: dict[str, str], cwd: str = "/") -> dict[str, Any]:
        output = self._output()
        with Path(f"{output}.out").open("wb") as out, Path(f"{output}.err").open("wb") as err:
            process = subprocess.Popen(
                argv,
                env={**os.environ, **env},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        process.returncode = 0  # waited for below, by its number: Popen has nothing left to do
        self._pids.add(process.pid)
        return {"pid": process.pid, "output": output}

    def fork(self, code: str, argv: list[str], env: dict[str, str]) -> dict[str, Any]:
        """Python ``code`` in a copy of the warm interpreter."""
        self.warm()
        assert self._zygote is not None
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        output = self._output()
        for name in ("out", "err"):
            Path(f"{output}.{name}").touch()
        request = {"code": code, "argv": argv, "env": env, "output": output}
        self._zygote.stdin.write(json.dumps(request).encode() + b"\n")
        self._zygote.stdin.flush()
        reply = self._zygote.stdout.readline()
        if not reply:
            raise RuntimeError((FOLDER / "zygote").read_text(errors="replace"))
        self._pids.add(int(reply))
        return {"pid": int(reply), "output": output}

    def wait(self, pid: int, timeout: float) -> dict[str, Any]:
        """``rc`` is None while it runs, and negative if a signal ended it."""
        deadline = time.monotonic() + timeout
        while pid not in self._codes:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._codes[pid] = os.waitstatus_to_exitcode(status)
            elif time.monotonic() >= deadline:
                return {"rc": None}
            else:
                time.sleep(0.02)
        return {"rc": self._codes[pid]}

    def signal(self, pid: int, number: int) -> dict[str, Any]:
        """Send a signal to the process and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)
        return {}

    def clear(self) -> dict[str, Any]:
        """End every program that was started and still runs."""
        for pid in self._pids - self._codes.keys():
            self.signal(pid, signal.SIGKILL)
            self.wait(pid, 10.0)
        return {}

    def read(self, path: str) -> dict[str, Any]:
        return {"text": Path(path).read_text(errors="replace")}

    def write(self, path: str, text: str) -> dict[str, Any]:
        Path(path).write_text(text)
        return {}

    def _output(self) -> str:
        self._started += 1
        return str(FOLDER / str(self._started))


def main() -> None:
    FOLDER.mkdir(parents=True)
    Path(os.environ["HOME"]).mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    agent = Agent()
    with _port().open("r+b", buffering=0) as port:
        port.write(b'{"ready": true}\n')
        for line in iter(port.readline, b""):
            request = json.loads(line)
            try:
                reply = getattr(agent, request.pop("do"))(**request)
            except Exception:  # the test that asked gets it
                reply = {"error": traceback.format_exc()}
            data = json.dumps(reply).encode() + b"\n"
            while data:
                data = data[port.write(data) :]


def _port() -> Path:
    while True:
        for name in Path("/sys/class/virtio-ports").glob("*/name"):
            if name.read_text().strip() == "agent":
                return Path("/dev") / name.parent.name
        time.sleep(0.1)


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
    finally:
        Path("/proc/sysrq-trigger").write_text("o")
        time.sleep(60)
