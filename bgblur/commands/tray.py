"""``bgblur-cam tray``: the icon in the desktop's panel."""

from __future__ import annotations

from typing import Annotated

import typer

from bgblur.commands.options import ConfigOption, say
from bgblur.errors import UsageError


def tray(
    config: ConfigOption = None,
    daemon: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Show an icon in the desktop's panel, with a menu for use during a call."""
    from bgblur.config.file import default_path

    try:
        from bgblur.tray.app import run
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("PySide6"):
            raise
        raise UsageError('the tray needs PySide6: pip install "bgblur[tray]"') from None
    except ImportError as error:  # PySide6 without a library of the system
        raise UsageError(
            f"Qt cannot be loaded: {error}; on Debian: sudo apt install libegl1 libgl1 "
            "libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1"
        ) from None
    run(config or default_path(), daemon, say)
