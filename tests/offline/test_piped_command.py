"""The command ``video -`` in a process of its own: what it writes, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.media.made_by_ffmpeg import needs_ffmpeg
from support.media.piped_ffmpeg import H264, PICTURES, SOUND, producer

pytestmark = needs_ffmpeg


@pytest.mark.slow
def test_the_command_writes_the_clip_alone_and_says_the_rest_elsewhere(tmp_path: Path) -> None:
    call = [sys.executable, "-m", "bgblur", "video", "-", "--mode", "none"]
    with producer(f"{PICTURES} {SOUND} {H264} -c:a aac -f matroska") as source:
        done = subprocess.run(
            call, stdin=source, capture_output=True, cwd=tmp_path, timeout=120, check=True
        )
    assert done.stdout.startswith(b"\x1aE\xdf\xa3")
    assert b"-: 25 frames" in done.stderr
    probe = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", "-"]
    read = subprocess.run(probe, input=done.stdout, capture_output=True, check=True)
    assert read.stderr == b""
    assert json.loads(read.stdout)["streams"][0]["nb_read_frames"] == "25"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_command_ends_with_one_line_where_its_reader_ended(tmp_path: Path) -> None:
    call = [sys.executable, "-m", "bgblur", "video", "-", "--mode", "none"]
    ours, theirs = os.pipe()
    os.close(ours)
    with (
        producer(f"{PICTURES} {H264} -f matroska") as source,
        os.fdopen(theirs, "wb") as target,
    ):
        done = subprocess.run(
            call, stdin=source, stdout=target, stderr=subprocess.PIPE, timeout=120, check=False
        )
    assert done.returncode == 4
    assert b"Traceback" not in done.stderr
    assert b"bgblur-cam: cannot write to the pipe: Broken pipe; its reader ended" in done.stderr


@pytest.mark.slow
def test_a_signal_ends_the_wait_for_input(tmp_path: Path) -> None:
    call = [sys.executable, "-m", "bgblur", "video", "-", "out.mp4", "--mode", "none"]
    with subprocess.Popen(
        call, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"YUV4MPEG2 W64 H48 F25:1 C420\n")
        process.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(5)
        process.terminate()
        assert process.wait(60) == 130
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "says"), [("- out.mkv <&-", "cannot read -"), ("in.mkv - >&-", "cannot write -")]
)
def test_a_pipe_that_is_closed_is_one_line(words: str, says: str, tmp_path: Path) -> None:
    call = f'"{sys.executable}" -m bgblur video {words}'
    done = subprocess.run(
        call, shell=True, capture_output=True, text=True, cwd=tmp_path, timeout=90, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"bgblur-cam: {says}: there is no ")
    assert done.stderr.count("\n") == 1
