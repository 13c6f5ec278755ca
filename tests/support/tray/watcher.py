"""A StatusNotifierWatcher with a host, as a KDE or GNOME panel has one, for tests of the tray.

Run as a program within a session bus; prints a line for the items that register.
"""

from __future__ import annotations

from PySide6.QtCore import ClassInfo, Property, QCoreApplication, QObject, Slot
from PySide6.QtDBus import QDBusConnection

NAME = "org.kde.StatusNotifierWatcher"


@ClassInfo({"D-Bus Interface": NAME})  # type: ignore[call-arg]
class Watcher(QObject):  # type: ignore[operator]
    def _true(self) -> bool:
        return True

    IsStatusNotifierHostRegistered = Property(bool, _true)

    @Slot(str)
    def RegisterStatusNotifierItem(self, service: str) -> None:  # noqa: N802
        print(service, flush=True)


if __name__ == "__main__":
    app = QCoreApplication([])
    watcher = Watcher()
    bus = QDBusConnection.sessionBus()
    options = (
        QDBusConnection.RegisterOption.ExportAllSlots
        | QDBusConnection.RegisterOption.ExportAllProperties
    )
    assert bus.registerObject("/StatusNotifierWatcher", watcher, options)
    assert bus.registerService(NAME)
    print("ready", flush=True)
    app.exec()
