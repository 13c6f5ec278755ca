"""Imports torch as fast as it goes."""

from __future__ import annotations

import gc
import sys


def import_torch() -> None:
    """Without looking for garbage: torch's 200 000 objects all stay, and looking through them again
    and again as they grow is an eighth of the time. Nor is what is alive afterwards ever looked
    through again, which would hold up all threads for as long as three frames last."""
    if "torch" in sys.modules:
        return
    collects = gc.isenabled()
    gc.disable()
    try:
        import torch  # noqa: F401 - for whoever imports it next

        gc.freeze()
    finally:
        if collects:
            gc.enable()
