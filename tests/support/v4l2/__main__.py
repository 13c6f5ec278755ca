"""``scripts/v4l2-bench``: the machine that the tests use, for people."""

from __future__ import annotations

import argparse
import sys

from support.v4l2.boot_image import LOOPBACKS, boot_image, loopback_module
from support.v4l2.guest import OUTPUT, Guest
from support.v4l2.machine import Machine, boot_shell
from support.v4l2.packages import UnavailableError, install_needed


def main() -> int:
    options = _options()
    try:
        if options.do == "prepare":
            return _prepare()
        if options.do == "shell":
            return boot_shell(loopback_module(boot_image().kernel_version, options.loopback))
        return _run(options.loopback, options.command)
    except UnavailableError as error:
        print(f"v4l2-bench: {error}", file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/v4l2-bench",
        description="A small virtual machine with a kernel camera (vivid, /dev/video0) and a "
        f"virtual camera (v4l2loopback, {OUTPUT}). It sees this machine's files; what it changes "
        "is forgotten when it ends.",
    )
    commands = parser.add_subparsers(dest="do", required=True)
    commands.add_parser("prepare", help="install and build what the machine needs")
    for name, text in (("shell", "boot, and work in it"), ("run", "boot, and run one command")):
        command = commands.add_parser(name, help=text)
        command.add_argument(
            "--loopback", choices=LOOPBACKS, default="0.15.0", help="version of v4l2loopback"
        )
    command.add_argument("command", nargs="+", metavar="-- COMMAND")
    return parser.parse_args()


def _prepare() -> int:
    """Fails only if no machine can be booted; a missing version is reported."""
    install_needed()
    image = boot_image()
    print(f"kernel {image.kernel_version}")
    for version in LOOPBACKS:
        try:
            print(f"v4l2loopback {version}: {loopback_module(image.kernel_version, version)}")
        except UnavailableError as error:
            print(f"v4l2loopback {version}: {error}")
    return 0


def _run(loopback: str, command: list[str]) -> int:
    machine = Machine()
    try:
        guest = Guest(machine)
        guest.load_cameras()
        guest.load_loopback(loopback)
        result = guest.run(*command, timeout=24 * 3600)
    finally:
        machine.close()
    sys.stdout.write(result.out)
    sys.stderr.write(result.err)
    return result.code if result.code >= 0 else 128 - result.code


if __name__ == "__main__":
    sys.exit(main())
