"""What the virtual machine boots: Debian's kernel, a busybox initramfs, v4l2loopback's modules.

They are kept in the user's cache folder, by the kernel's version.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from support.v4l2.packages import UnavailableError, fetch

LOOPBACKS = {"0.12.7": "bookworm", "0.13.2": "bookworm-backports", "0.15.0": "trixie"}
"""Version of v4l2loopback: the Debian suite that has it."""

_BOOT_MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")

# The host's files are all there and writable: changes stay in memory.
_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read module; do insmod /modules/$module; done </modules/order
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose hostfs /host
mount -t tmpfs -o size=2g tmpfs /changes
mkdir /changes/upper /changes/work
mount -t overlay -o lowerdir=/host,upperdir=/changes/upper,workdir=/changes/work root /root
exchange=$(sed 's/.*bench.exchange=\\([^ ]*\\).*/\\1/' /proc/cmdline)
mkdir -p "/root$exchange"
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none exchange "/root$exchange"
mount --move /proc /root/proc
mount --move /sys /root/sys
mount --move /dev /root/dev
mkdir -p /root/dev/shm /root/dev/pts
mount -t tmpfs tmpfs /root/dev/shm
mount -t devpts devpts /root/dev/pts
mount -t tmpfs tmpfs /root/run
ip link set lo up
ln -sf /proc/self/fd /root/dev/fd
hostname v4l2-bench
program=$(sed 's/.*bench.program=\\([^ ]*\\).*/\\1/' /root/proc/cmdline)
script=$(sed 's/.*bench.script=\\([^ ]*\\).*/\\1/' /root/proc/cmdline)
exec env -i HOME=/tmp/v4l2-home PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
    LANG=C.UTF-8 TERM=linux chroot /root "$program" "$script"
"""


@dataclass(frozen=True)
class BootImage:
    """What a machine boots from."""

    kernel_version: str
    kernel: Path
    initramfs: Path


# The user's own, found before the tests get another: a module takes long to build.
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def cache_folder() -> Path:
    return _CACHE / "bgblur" / "v4l2-bench"


def boot_image() -> BootImage:
    """The newest installed kernel that has its headers too. Raises UnavailableError."""
    version = _kernel_version()
    initramfs = cache_folder() / version / "initramfs.cpio"
    if not initramfs.exists() or _stamp(initramfs) != _INIT:
        _pack_initramfs(version, initramfs)
    return BootImage(version, Path(f"/boot/vmlinuz-{version}"), initramfs)


def loopback_module(kernel_version: str, version: str) -> Path:
    """v4l2loopback.ko of this version for this kernel. Raises UnavailableError."""
    module = cache_folder() / kernel_version / f"v4l2loopback-{version}.ko"
    if module.exists():
        return module
    module.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="v4l2loopback-") as name:
        folder = Path(name)
        package = fetch("v4l2loopback-dkms", version, LOOPBACKS[version], folder)
        _run(["dpkg-deb", "-x", str(package), str(folder)])
        source = folder / "usr" / "src" / f"v4l2loopback-{version}"
        headers = f"/lib/modules/{kernel_version}/build"
        _run(["make", "-C", headers, f"M={source}", "modules"])
        partial = module.with_suffix(".partial")
        shutil.copy(source / "v4l2loopback.ko", partial)
        partial.replace(module)
    return module


def _kernel_version() -> str:
    found = [
        folder.name
        for folder in Path("/lib/modules").glob("*")
        if (folder / "build").is_dir() and Path(f"/boot/vmlinuz-{folder.name}").is_file()
    ]
    if not found:
        raise UnavailableError("no kernel with its headers is installed")
    return max(found, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])


def _pack_initramfs(version: str, target: Path) -> None:
    busybox = shutil.which("busybox")
    assert busybox is not None
    with tempfile.TemporaryDirectory(prefix="initramfs-") as name:
        root = Path(name)
        for folder in ("bin", "modules", "proc", "sys", "dev", "host", "changes", "root"):
            (root / folder).mkdir()
        shutil.copy(busybox, root / "bin" / "busybox")
        init = root / "init"
        init.write_text(_INIT, encoding="ascii")
        init.chmod(0o755)
        files = _module_files(version)
        for file in files:
            shutil.copy(file, root / "modules" / file.name)
        order = "".join(f"{file.name}\n" for file in files)
        (root / "modules" / "order").write_text(order, encoding="ascii")
        listing = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
        archive = _run([busybox, "cpio", "-o", "-H", "newc"], listing, root)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(archive)
    _stamp_file(target).write_text(_INIT, encoding="ascii")


def _module_files(version: str) -> list[Path]:
    """The modules and all that they depend on, in the order of loading."""
    files: dict[Path, None] = {}
    for module in _BOOT_MODULES:
        shown = _run(["/sbin/modprobe", "-S", version, "--show-depends", module]).decode()
        for line in shown.splitlines():
            if line.startswith("insmod "):
                files[Path(line.split()[1])] = None
    return list(files)


def _stamp(initramfs: Path) -> str:
    stamp = _stamp_file(initramfs)
    return stamp.read_text(encoding="ascii") if stamp.exists() else ""


def _stamp_file(initramfs: Path) -> Path:
    return initramfs.with_suffix(".made-with")


def _run(command: list[str], text: str = "", cwd: Path | None = None) -> bytes:
    done = subprocess.run(command, input=text.encode(), capture_output=True, cwd=cwd, check=False)
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise UnavailableError(f"{command[0]} failed: {reason}")
    return done.stdout
