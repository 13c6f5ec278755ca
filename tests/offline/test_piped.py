from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.media.known_colors import corners

from bgblur.errors import OutputError, UsageError
from bgblur.frame import Alpha, Image
from bgblur.offline.piped import blur_piped

COMPOSITE = frozenset({"composite"})


def dimmed(picture: Image) -> tuple[Image, Alpha]:
    return picture // 2, np.ones(picture.shape[:2], np.float32)


def encoded(kind: str) -> bytes:
    return cv2.imencode(kind, corners())[1].tobytes()


@pytest.mark.parametrize("kind", [".png", ".bmp", ".webp"])
def test_a_picture_goes_through(kind: str) -> None:
    target = io.BytesIO()
    blur_piped(io.BytesIO(encoded(kind)), target, COMPOSITE, dimmed)
    written = cv2.imdecode(np.frombuffer(target.getvalue(), np.uint8), cv2.IMREAD_UNCHANGED)
    before = cv2.imdecode(np.frombuffer(encoded(kind), np.uint8), cv2.IMREAD_COLOR)
    assert target.getvalue().startswith(b"\x89PNG")
    assert written is not None
    assert before is not None
    assert (written == before // 2).all()


@pytest.mark.parametrize(
    ("data", "save", "says"),
    [
        (b"", COMPOSITE, "nothing came in"),
        (b"no picture", COMPOSITE, "^cannot read -: it is not a picture"),
        (encoded(".png"), frozenset({"composite", "mask"}), "one picture"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    data: bytes, save: frozenset[str], says: str
) -> None:
    target = io.BytesIO()
    with pytest.raises(UsageError, match=says) as caught:
        blur_piped(io.BytesIO(data), target, save, dimmed)
    assert "\n" not in str(caught.value)
    assert target.getvalue() == b""


def test_a_reader_that_ended_is_one_line() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "wb", 0) as target, pytest.raises(OutputError, match="reader ended"):
        blur_piped(io.BytesIO(encoded(".png")), target, COMPOSITE, dimmed)


def test_the_command_takes_a_pipe(tmp_path: Path) -> None:
    call = [sys.executable, "-m", "bgblur", "image", "-", "--mode", "none"]
    done = subprocess.run(
        call, input=encoded(".png"), capture_output=True, cwd=tmp_path, timeout=90, check=True
    )
    written = cv2.imdecode(np.frombuffer(done.stdout, np.uint8), cv2.IMREAD_UNCHANGED)
    assert written is not None
    assert (written == corners()).all()
    assert list(tmp_path.iterdir()) == []
