"""The tray's pictures: tiles with a sign, so that light and dark panels show them equally well."""

from __future__ import annotations

from pathlib import Path

from bgblur.desktop.share_files import ICON
from bgblur.tray.state import TrayState

_FOLDER = Path(__file__).with_name("svg")


def icon_path(state: TrayState) -> Path:
    """A square SVG; while it blurs, the program's own icon."""
    return ICON if state is TrayState.BLURRING else _FOLDER / f"{state}.svg"
