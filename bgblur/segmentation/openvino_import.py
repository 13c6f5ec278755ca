"""Imports OpenVINO without its telemetry.

``import openvino`` reports itself to an analytics service on the internet, unless the package
``openvino_telemetry`` cannot be imported. Nothing of bgblur's use leaves the machine.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def import_openvino() -> Any:
    """The module ``openvino``. Everything of bgblur's that needs it must import it through here
    first. Raises ImportError."""
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    _hide("openvino_telemetry")
    # The converter, which only export needs, is two thirds of the import's time.
    hidden = _hide("openvino.tools.ovc")
    try:
        return import_module("openvino")
    finally:
        if hidden:
            del sys.modules["openvino.tools.ovc"]


def _hide(name: str) -> bool:
    """Make the import of a module fail; OpenVINO then does without. False if it is loaded."""
    if name in sys.modules:
        return False
    sys.modules[name] = None  # type: ignore[assignment]
    return True
