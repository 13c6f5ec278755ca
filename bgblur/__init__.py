"""bgblur: blurs what is behind you, in a webcam's picture, a recording or a photo.

The command line is ``bgblur-cam``; in Python:

>>> import bgblur, cv2
>>> with bgblur.Blurrer(strength=60) as blur:
...     picture, alpha = blur(cv2.imread("portrait.png"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bgblur.errors import (
    BgblurError,
    CameraBusyError,
    CameraError,
    ModelError,
    OutputError,
    UsageError,
)

if TYPE_CHECKING:
    from bgblur.api import Blurrer, Options, blur_image, blur_video

__version__ = "0.1.0"
__all__ = [
    "BgblurError",
    "Blurrer",
    "CameraBusyError",
    "CameraError",
    "ModelError",
    "Options",
    "OutputError",
    "UsageError",
    "__version__",
    "blur_image",
    "blur_video",
]


def __getattr__(name: str) -> Any:
    """The API, imported when it is first used (PEP 562): the command line starts without it."""
    if name in ("Blurrer", "Options", "blur_image", "blur_video"):
        from bgblur import api

        globals()[name] = found = getattr(api, name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
