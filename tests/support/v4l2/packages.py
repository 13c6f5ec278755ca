"""What the bench needs of the distribution, installed when root."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

NEEDED = (
    "qemu-system-x86",
    "linux-image-amd64",
    "linux-headers-amd64",
    "busybox-static",
    "kmod",
    "make",
    "gcc",
    "v4l-utils",
    "ffmpeg",
    "chromium",
)


class UnavailableError(Exception):
    """The bench, or one module of it, is not available here; the text says why, in one line."""


def install_needed() -> None:
    """Raises UnavailableError, naming what is missing, where it cannot be installed."""
    missing = [name for name in NEEDED if not installed(name)]
    if not missing:
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        names = " ".join(missing)
        raise UnavailableError(f"missing: {names} (Debian: sudo apt install {names})")
    print(f"installing {' '.join(missing)}", flush=True)
    apt("update")
    apt("install", "-y", "--no-install-recommends", *missing)


def installed(name: str) -> bool:
    if not shutil.which("dpkg-query"):
        return False
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", name]
    return subprocess.run(query, capture_output=True, check=False).stdout == b"installed"


def fetch(name: str, version: str, suite: str, folder: Path) -> Path:
    """The .deb of ``name`` whose version begins with ``version``, from ``suite`` of the mirror
    that the machine's own apt uses, whose configuration is not touched.

    Raises UnavailableError.
    """
    state = folder / f"apt-{suite}"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    source = state / "sources.list"
    source.write_text(f"deb [signed-by={keyring}] {_mirror()} {suite} main\n", encoding="ascii")
    private = (
        *("-o", f"Dir::Etc::sourcelist={source}", "-o", "Dir::Etc::sourceparts=-"),
        *("-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}/cache"),
        *("-o", "Acquire::Languages=none", "-o", "APT::Sandbox::User=root"),
    )
    apt(*private, "update")
    apt(*private, "download", f"{name}={version}*", cwd=folder)
    found = sorted(folder.glob(f"{name}_{version}*.deb"))
    if not found:
        raise UnavailableError(f"apt says it fetched {name} {version}, but there is no such file")
    return found[-1]


def apt(*arguments: str, cwd: Path | None = None) -> None:
    """Raises UnavailableError with apt's last line."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-q", *arguments]
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        reason = " ".join(lines) or done.stderr.strip()
        raise UnavailableError(f"apt-get {arguments[-1]} failed: {reason}")


def _mirror() -> str:
    """Where this machine's apt gets Debian's main archive from."""
    for attempt in ("as it is", "updated"):
        if attempt == "updated" and os.geteuid() == 0:
            apt("update")  # without lists apt does not know whose archive a mirror carries
        form = "$(REPO_URI)|$(LABEL)|$(COMPONENT)|$(CREATED_BY)"
        targets = subprocess.run(
            ["apt-get", "indextargets", "--format", form],
            capture_output=True,
            text=True,
            check=False,
        )
        for line in targets.stdout.splitlines():
            address, _, rest = line.partition("|")
            if rest == "Debian|main|Packages":
                return address
    raise UnavailableError("no apt source of this machine is Debian's archive")
