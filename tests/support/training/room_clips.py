"""Clips like those that a user records: the room without the person, then with the person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from bgblur.frame import Alpha, Image


def room_of(frames: Sequence[tuple[Image, Alpha]]) -> Image:
    """The room of a clip without the person; hidden parts are filled from the mirrored room."""
    room = np.median([image for image, _ in frames], axis=0).astype(np.uint8)
    hidden = np.max([alpha for _, alpha in frames], axis=0) > 0.02
    hidden = cv2.dilate(hidden.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    room[hidden] = room[:, ::-1][hidden]
    rest = (hidden & hidden[:, ::-1]).astype(np.uint8)
    return np.asarray(cv2.inpaint(room, rest, 5, cv2.INPAINT_TELEA), np.uint8)


def camera_pictures(room: Image, gain: tuple[float, float, float], count: int) -> list[Image]:
    """The room in another light, with sensor noise."""
    rng = np.random.default_rng(0)
    lit = room * np.array(gain)
    return [
        np.clip(lit + rng.normal(0, 2, room.shape), 0, 255).astype(np.uint8) for _ in range(count)
    ]


def write_lossless(path: Path, pictures: Sequence[Image], fps: int = 25) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", fps)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode(None))
    return path
