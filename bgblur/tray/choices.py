"""Menu entries of which one is ticked; they may change while the menu is open."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu

from bgblur.tray.menu import Choice


class TrayChoices:
    """Shows a list of Choice in ``menu``, ahead of ``before`` if given; ``choose`` gets a click."""

    def __init__(
        self, menu: QMenu, choose: Callable[[Choice], None], before: QAction | None = None
    ) -> None:
        self._menu = menu
        self._choose = choose
        self._before = before
        self._group = QActionGroup(menu)
        # Plain Exclusive would keep one ticked while the strength matches no preset.
        self._group.setExclusionPolicy(QActionGroup.ExclusionPolicy.ExclusiveOptional)
        self._group.triggered.connect(self._triggered)
        self._choices: list[Choice] = []

    def show(self, choices: list[Choice]) -> None:
        texts = [choice.text for choice in choices]
        if texts != [choice.text for choice in self._choices]:
            self._rebuild(texts)
        self._choices = choices
        for action, choice in zip(self._group.actions(), choices, strict=True):
            action.setChecked(choice.ticked)

    def _rebuild(self, texts: list[str]) -> None:
        for action in self._group.actions():
            self._group.removeAction(action)
            self._menu.removeAction(action)
            action.deleteLater()
        for text in texts:
            action = QAction(text.replace("&", "&&"), self._menu, checkable=True)  # no shortcut
            self._group.addAction(action)
            self._menu.insertAction(self._before, action)  # type: ignore[arg-type]

    def _triggered(self, action: QAction) -> None:
        self._choose(self._choices[self._group.actions().index(action)])
