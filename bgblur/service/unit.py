"""The text of the systemd user unit, see systemd.service(5), systemd.exec(5), systemd.syntax(7)."""

from __future__ import annotations

import re

from bgblur.errors import UsageError

UNIT = "bgblur.service"
MARK = "# Written by `bgblur-cam service install`."

_BACK_OFF_SINCE = 254  # the systemd that has RestartSteps=
_HEAD = f"""\
{MARK} `bgblur-cam service uninstall` removes it.
# The next install overwrites changes made here: use `systemctl --user edit {UNIT}`.

[Unit]
Description=Webcam with a blurred background (bgblur)
# A camera may be plugged in at any time: never stop retrying.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
"""
_REST = """\
# 2: wrong settings, 5: wrong model. A restart would not fix them.
RestartPreventExitStatus=2 5

# The daemon pets the watchdog only while pictures reach the output. The journal gets the stacks of
# a hung daemon; core dumps are off, since they could hold a picture of the room.
WatchdogSec=20
Environment=PYTHONFAULTHANDLER=1
LimitCORE=0
TimeoutStopSec=5
# The process that holds a PipeWire camera outlives a daemon that is killed, and ends by itself.
KillMode=process

# Only options that work without user namespaces, which some distributions restrict: there a file
# system sandbox would be ignored, or keep the service from starting.
NoNewPrivileges=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
UMask=0077

[Install]
WantedBy=default.target
"""


def unit_text(
    command: list[str], systemd: int | None = None, nvidia_modprobe: str | None = None
) -> str:
    """Text of the unit that runs ``command``; its first word is an absolute path.

    ``systemd`` is the manager's version, None if unknown. ``nvidia_modprobe`` is the path of that
    program, None if it is not installed. Raises UsageError for a command that a unit cannot hold.
    """
    if re.search(r"[\"'\\\x00-\x1f\x7f]", command[0]):
        raise UsageError(
            f"systemd cannot start {command[0]!r}: install in a folder without quotes in its path"
        )
    lines = []
    if nvidia_modprobe is not None:
        # CUDA runs it (setuid) to create its device nodes: "+" exempts it from NoNewPrivileges.
        lines += [
            "# Creates CUDA's device nodes, which needs privileges that bgblur itself gives up.",
            f"ExecStartPre=-+{_quoted(nvidia_modprobe)} -u -c=0",
        ]
    lines.append(f"ExecStart=:{' '.join(map(_quoted, command))}")
    lines.append("Restart=on-failure")
    if systemd is not None and systemd >= _BACK_OFF_SINCE:
        lines += ["RestartSec=2", "RestartSteps=5", "RestartMaxDelaySec=30"]
    else:
        lines.append("RestartSec=10")
    return _HEAD + "\n".join(lines) + "\n" + _REST


def _quoted(word: str) -> str:
    """Quote one word of a command line in which ``:`` turns off variable expansion."""
    try:
        word.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{word!r} is not valid UTF-8, which a unit needs: rename the file"
        ) from None
    word = word.replace("%", "%%")
    if re.fullmatch(r"[\w@%+=:,./~-]+", word):
        return word
    word = word.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda c: f"\\x{ord(c[0]):02x}", word) + '"'
