"""The strength slider: in the menu where that can hold it, else in its own window."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QWidget

_SEND_EVERY = 100  # ms while it moves: each is a write of the configuration


class StrengthSlider(QWidget):
    """Emits ``chosen`` with 0..100 while the user moves it, a few times a second."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Blur strength")
        label = QLabel("&Strength")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 100)
        self.slider.setMinimumWidth(160)
        label.setBuddy(self.slider)
        self.number = QLabel("100")
        self.number.setMinimumWidth(self.number.sizeHint().width())
        self.number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        layout = QHBoxLayout(self)
        layout.addWidget(label)
        layout.addWidget(self.slider)
        layout.addWidget(self.number)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SEND_EVERY)
        self._timer.timeout.connect(self._send)
        self.slider.valueChanged.connect(self._moved)
        self.slider.sliderReleased.connect(self._send)

    def show_strength(self, strength: int) -> None:
        """Show the configured strength, unless the user is moving the slider."""
        if self.slider.isSliderDown() or self._timer.isActive():
            return
        self.slider.blockSignals(True)
        self.slider.setValue(strength)
        self.slider.blockSignals(False)
        self.number.setNum(strength)

    def _moved(self, strength: int) -> None:
        self.number.setNum(strength)
        if not self._timer.isActive():
            self._timer.start()

    def _send(self) -> None:
        self._timer.stop()
        self.chosen.emit(self.slider.value())
