"""Files that no reader of clips can use, each with the reason it must give."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from support.media.known_colors import corners

UNREADABLE = ("missing", "empty", "text", "plain text", "no index", "sound only", "folder")


def sound_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", 48000)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def unreadable(folder: Path) -> dict[str, tuple[Path, str]]:
    empty = folder / "empty.mp4"
    empty.touch()
    text = folder / "text.mp4"
    text.write_text("a letter to a friend\n" * 500)
    plain = folder / "plain.txt"
    plain.write_text("a letter to a friend\n" * 500)
    headless = folder / "headless.mp4"
    with av.open(str(headless), "w") as container:  # its index comes last and is cut off
        stream = container.add_stream("libx264", 25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 64, 48
        frame = av.VideoFrame.from_ndarray(corners(), format="bgr24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    headless.write_bytes(headless.read_bytes()[:-200])
    return {
        "missing": (folder / "missing.mp4", "no such file"),
        "empty": (empty, "empty"),
        "text": (text, "not a video"),
        "plain text": (plain, "not a video"),
        "no index": (headless, "cut short"),
        "sound only": (sound_only(folder / "sound.m4a"), "no video"),
        "folder": (folder, "not a file"),
    }
