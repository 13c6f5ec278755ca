"""A real ``systemd --user`` in its own namespaces, apart from the host's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

SYSTEMD = next(
    (p for p in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd") if Path(p).is_file()), None
)
ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
HOME = f"/run/user/{NOBODY}/home"

# systemd wants a cgroup to itself, and to see that the system was booted with it. Of root's own
# home, which is closed to others, $2 and $3 are shown: the interpreter and this project.
_INSIDE = f"""
umask 022
mount --make-rprivate / && umount --lazy /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup &&
mount -t tmpfs none /run && mkdir -p /run/systemd/system {HOME} "/run/shown$1" || exit 1
for path in "$2" "$3"; do
    mkdir -p "/run/shown$path" && mount --bind "$path" "/run/shown$path" || exit 1
done
mount --rbind "/run/shown$1" "$1" || exit 1
chown -R {NOBODY} /run/user && chmod 700 /run/user/{NOBODY} || exit 1
shift 3
"$@" & wait
"""


class UserManager:
    """Runs as nobody, and so do the commands given to ``run``: root may do too much for a test."""

    home = Path(HOME)
    config = Path(HOME) / ".config"

    def __init__(self, log: Path) -> None:
        if SYSTEMD is None or os.geteuid() != 0:
            pytest.skip("needs systemd, and root to give it namespaces of its own")
        for tool in ("unshare", "nsenter", "setpriv", "systemctl"):
            if shutil.which(tool) is None:
                pytest.skip(f"needs {tool}")
        self._cgroup = _cgroup2() / f"bgblur-test-{os.getpid()}"
        self._cgroup.mkdir()
        for path in (self._cgroup, *self._cgroup.glob("cgroup.[pst]*")):
            os.chown(path, NOBODY, NOBODY)
        with log.open("wb") as output:
            self._outside = subprocess.Popen(
                [
                    *("sh", "-c", f'echo $$ > "{self._cgroup}/cgroup.procs"; exec "$@"', "sh"),
                    *("unshare", "--cgroup", "--mount", "--pid", "--fork", "--mount-proc"),
                    *("--kill-child", "sh", "-c", _INSIDE, "sh"),
                    *(str(Path.home()), sys.base_prefix, str(ROOT)),
                    *_as_nobody(),
                    *(SYSTEMD, "--user", "--log-target=console"),
                ],
                stdout=output,
                stderr=output,
            )
        try:
            self._wait_until_up()
        except BaseException:
            self.close()
            raise

    def run(self, *command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        children = Path(f"/proc/{self._outside.pid}/task/{self._outside.pid}/children")
        inside = children.read_text().split()[0]
        return subprocess.run(
            [
                *("nsenter", "--target", inside, "--mount", "--pid", "--cgroup"),
                *_as_nobody(),
                *command,
            ],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def write(self, path: Path, text: str, mode: str = "644") -> None:
        """A file in the manager's own home."""
        script = 'mkdir -p "$(dirname "$1")" && printf %s "$2" > "$1" && chmod "$3" "$1"'
        done = self.run("sh", "-c", script, "sh", str(path), text, mode)
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        self._outside.kill()  # and with it everything inside
        self._outside.wait()
        deadline = time.monotonic() + 10
        while self._cgroup.exists() and time.monotonic() < deadline:
            for folder, _, _ in os.walk(self._cgroup, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()
            time.sleep(0.05)

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._outside.poll() is None:
            with suppress(IndexError, FileNotFoundError):
                state = self.run("systemctl", "--user", "is-system-running").stdout.strip()
                if state in {"running", "degraded"}:
                    return
            time.sleep(0.1)
        pytest.skip("no systemd can be started here in namespaces of its own")


def _as_nobody() -> list[str]:
    environment = [
        f"HOME={HOME}",
        f"XDG_RUNTIME_DIR=/run/user/{NOBODY}",
        f"PATH={os.environ['PATH']}",
        "LANG=C.UTF-8",
    ]
    ids = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return ["setpriv", *ids, "env", f"--chdir={HOME}", "--ignore-environment", *environment]


def _cgroup2() -> Path:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    pytest.skip("needs a mounted cgroup2")
