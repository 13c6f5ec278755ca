"""The tray's pictures: tiles with a sign, so that light and dark panels show them equally well."""

from __future__ import annotations

from pathlib import Path

from bgblur.tray.state import TrayState

_FOLDER = Path(__file__).with_name("svg")


def icon_path(state: TrayState) -> Path:
    """A square SVG."""
    return _FOLDER / f"{state}.svg"
