"""Keeps libraries from writing lines of their own about a damaged picture."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import cv2


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """OpenCV logs nothing, and Pillow warns of nothing: an error is said in one line."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        cv2.utils.logging.setLogLevel(level)
