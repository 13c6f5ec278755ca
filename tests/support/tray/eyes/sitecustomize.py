"""Put on PYTHONPATH, it lets a test see where the entries of a running tray's open menus are.

Every 50 ms the tray writes {text: [x, y]}, the middle of each entry and of the slider's handle on
the screen, to the file that TRAY_EYES names; of a dialog for files "typed ..." is what it has.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any


def _watch(target: Path) -> None:
    while "bgblur.tray.tray" not in sys.modules:
        time.sleep(0.05)
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import (
        QApplication,
        QFileDialog,
        QLineEdit,
        QMenu,
        QSlider,
        QStyle,
        QStyleOptionSlider,
        QWidgetAction,
    )

    def middle(widget: Any, area: Any) -> list[int]:
        point = widget.mapToGlobal(area.center())
        return [point.x(), point.y()]

    def handle(slider: QSlider) -> Any:
        option = QStyleOptionSlider()
        slider.initStyleOption(option)
        part = QStyle.SubControl.SC_SliderHandle
        return slider.style().subControlRect(QStyle.ComplexControl.CC_Slider, option, part, slider)

    def look() -> None:
        found = {}
        menus = [w for w in QApplication.topLevelWidgets() if isinstance(w, QMenu)]
        for menu in (menu for menu in menus if menu.isVisible()):
            for action in menu.actions():
                text = action.text().replace("&", "").partition("\t")[0]  # without its key
                found[text] = middle(menu, menu.actionGeometry(action))
                if isinstance(action, QWidgetAction):
                    slider: Any = action.defaultWidget().findChild(QSlider)
                    found["slider"] = middle(slider, handle(slider))
        for dialog in (w for w in QApplication.topLevelWidgets() if isinstance(w, QFileDialog)):
            for line in (line for line in dialog.findChildren(QLineEdit) if line.isVisible()):
                found[f"typed {line.text()}"] = middle(line, line.rect())
        beside = target.with_suffix(".tmp")
        beside.write_text(json.dumps(found))
        beside.replace(target)

    def begin() -> None:
        timer = QTimer(QApplication.instance())
        timer.timeout.connect(look)
        timer.start(50)

    while (app := QApplication.instance()) is None:
        time.sleep(0.05)
    time.sleep(0.2)  # it is made by now, not only begun
    QTimer.singleShot(0, app, begin)


if "tray" in sys.orig_argv and "TRAY_EYES" in os.environ:
    threading.Thread(target=_watch, args=(Path(os.environ["TRAY_EYES"]),), daemon=True).start()
