"""Imports torch as fast as possible."""

from __future__ import annotations

import gc
import sys


def import_torch() -> None:
    """Import torch without garbage collection.

    torch's 200 000 objects all stay alive, and searching them again and again takes an eighth of
    the import. They are frozen afterwards too: one search stops all threads for three frames.
    """
    if "torch" in sys.modules:
        return
    collects = gc.isenabled()
    gc.disable()
    try:
        import torch  # noqa: F401 - the next import finds it loaded

        gc.freeze()
    finally:
        if collects:
            gc.enable()
