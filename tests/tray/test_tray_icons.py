from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("PySide6", reason="needs the extra tray")

from PySide6.QtGui import QColor, QIcon, QImage, QPainter
from support.tray.qt import offscreen

from bgblur.tray.icons import icon_path
from bgblur.tray.state import TrayState

PANELS = {"light": "#f2f2f2", "white": "#ffffff", "dark": "#1e1e1e", "black": "#000000"}


def drawn(state: TrayState, size: int, panel: str) -> NDArray[np.float64]:
    """The icon on a panel, RGB 0..1."""
    offscreen()
    image = QImage(size, size, QImage.Format.Format_RGB888)
    image.fill(QColor(PANELS[panel]))
    painter = QPainter(image)
    painter.drawPixmap(0, 0, QIcon(str(icon_path(state))).pixmap(size, size))
    painter.end()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(size, image.bytesPerLine())
    return rows[:, : 3 * size].reshape(size, size, 3) / 255


def luminance(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative luminance as in WCAG 2."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("state", TrayState)
@pytest.mark.parametrize("size", [16, 22, 48])
def test_every_icon_stands_out_from_every_panel(state: TrayState, panel: str, size: int) -> None:
    icon = luminance(drawn(state, size, panel))
    ground = luminance(np.array([int(PANELS[panel][i : i + 2], 16) / 255 for i in (1, 3, 5)]))
    contrast = (np.maximum(icon, ground) + 0.05) / (np.minimum(icon, ground) + 0.05)
    # 3:1 is what WCAG 2 asks of a graphic.
    assert (contrast >= 3).mean() > 0.15


@pytest.mark.parametrize("panel", ["light", "dark"])
def test_no_two_states_look_alike_even_without_colours(panel: str) -> None:
    for one, other in itertools.combinations(TrayState, 2):
        apart = np.abs(luminance(drawn(one, 22, panel)) - luminance(drawn(other, 22, panel)))
        assert (apart > 0.2).mean() > 0.08, (one, other)
