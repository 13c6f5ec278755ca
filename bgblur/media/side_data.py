"""Reads what FFmpeg's decoders attach to a frame."""

from __future__ import annotations

from typing import Any, cast

import av
from av.sidedata.sidedata import SideData, SideDataContainer, Type


def side_data_of(frame: av.VideoFrame, kind: Type) -> SideData | None:
    """The side data of ``kind``, a buffer, or None if ``frame`` has none."""
    return cast(SideDataContainer, frame.side_data).get(kind)


def _unnamed(kinds: type[Type], number: object) -> Any:
    """FFmpeg adds kinds before PyAV names them; PyAV then refuses all of the frame's side data."""
    member: Any = object.__new__(kinds)
    member._name_, member._value_ = f"UNNAMED_{number}", number
    return member


Type._missing_ = classmethod(_unnamed)  # type: ignore[method-assign, assignment]
