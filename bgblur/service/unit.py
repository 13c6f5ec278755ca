"""The text of the systemd user unit, see systemd.service(5), systemd.exec(5), systemd.syntax(7)."""

from __future__ import annotations

import re

from bgblur.errors import UsageError

UNIT = "bgblur.service"
MARK = "# Written by `bgblur-cam service install`."

_BACK_OFF_SINCE = 254  # the systemd that has RestartSteps=
_HEAD = f"""\
{MARK} `bgblur-cam service uninstall` removes it.
# What you change here is lost with the next install: use `systemctl --user edit {UNIT}`.

[Unit]
Description=Webcam with a blurred background (bgblur)
# A camera may come at any time: never give up.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
"""
_REST = """\
# 2: the settings are wrong, 5: the model is. Trying again would not mend them.
RestartPreventExitStatus=2 5

# Met only while pictures reach the output; the journal then has the stacks of a hung daemon,
# and no core dump keeps a picture of the room.
WatchdogSec=20
Environment=PYTHONFAULTHANDLER=1
LimitCORE=0
TimeoutStopSec=5

# What works without user namespaces, which some distributions restrict: a file system sandbox
# would be ignored there, or keep the service from starting.
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
    """The unit that runs ``command``, whose first word is an absolute path.

    ``systemd`` is the manager's version, None if unknown; ``nvidia_modprobe`` the path of that
    program where there is one. Raises UsageError for what a unit cannot hold.
    """
    if re.search(r"[\"'\\\x00-\x1f\x7f]", command[0]):
        raise UsageError(f"systemd starts no {command[0]!r}: install where no folder has a quote")
    lines = []
    if nvidia_modprobe is not None:
        # CUDA calls it, setuid, to make its devices appear: "+" lets it past NoNewPrivileges.
        lines += [
            "# Makes CUDA's devices appear, for which it needs the rights that bgblur gives up.",
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
    """A word of a command line whose dollars are left alone (``:``)."""
    try:
        word.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{word!r} is not UTF-8, which a unit must be: rename the file") from None
    word = word.replace("%", "%%")
    if re.fullmatch(r"[\w@%+=:,./~-]+", word):
        return word
    word = word.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda c: f"\\x{ord(c[0]):02x}", word) + '"'
