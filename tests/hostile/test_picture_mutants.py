"""Damaged pictures of every kind: a picture or one line, soon, and within bounds of memory."""

from __future__ import annotations

import resource
import struct
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from support.fuzzing import FACTOR, one_line_at_most
from support.media.kinds_of_pictures import PICTURES, repaired
from support.mutants import mutant

from bgblur.errors import UsageError
from bgblur.imaging.pictures import read_photo, to_8_bits, write_png

TRIES = 30
MOST_SECONDS = 3.0  # of processor time
MOST_MEMORY = 1200  # MiB more than before: the largest picture that is read takes 770


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("name", PICTURES)
def test_a_damaged_picture(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    PICTURES[name](tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    assert read_photo(tmp_path / name).pixels.shape[2] == 3
    capfd.readouterr()
    before, readable = memory(), 0
    for seed in range(TRIES * FACTOR):
        data = mutant(whole, seed)
        source, out = tmp_path / f"in{Path(name).suffix}", tmp_path / "out.png"
        source.write_bytes(data if seed % 4 == 0 else repaired(data))
        began = time.process_time()
        with suppress(UsageError), one_line_at_most():
            photo = read_photo(source)
            readable += 1
            assert photo.pixels.dtype in (np.uint8, np.uint16)
            write_png(out, to_8_bits(photo.pixels), photo.profile, photo.tags, overwrite=True)
        assert time.process_time() - began < MOST_SECONDS, seed
    assert readable < TRIES * FACTOR
    assert memory() - before < MOST_MEMORY
    assert "OpenCV" not in capfd.readouterr().err


def test_a_size_is_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    """Pillow decodes a JPEG XL when it opens it, and a PNG when it looks for EXIF data."""
    side = 2**30 - 1
    header = (0 | 3 << 1 | (side - 1) << 3 | 1 << 33).to_bytes(8, "little")
    stream = b"\xff\x0a" + header + bytes(50)
    (tmp_path / "stream.jxl").write_bytes(stream)
    start = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
    for kind, numbered in ((b"jxlc", b""), (b"jxlp", b"\0\0\0\0")):
        box = struct.pack(">I4s", 8 + len(numbered + stream), kind) + numbered + stream
        (tmp_path / f"{kind.decode()}.jxl").write_bytes(start + box)
    PICTURES["gray.png"](tmp_path / "gray.png")
    data = bytearray((tmp_path / "gray.png").read_bytes())
    data[16:24] = struct.pack(">II", 64, 2**30)
    (tmp_path / "gray.png").write_bytes(repaired(bytes(data)))
    began, before = time.process_time(), memory()
    for name in ("stream.jxl", "jxlc.jxl", "jxlp.jxl", "gray.png"):
        with pytest.raises(UsageError, match="million pixels, and 268 are the most"):
            read_photo(tmp_path / name)
    assert time.process_time() - began < 1
    assert memory() - before < 50


@pytest.mark.parametrize("what", ["pixels", "chunk", "palette"])
def test_a_png_takes_no_memory_for_what_it_cannot_have(tmp_path: Path, what: str) -> None:
    PICTURES["palette.png" if what == "palette" else "tags.png"](tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    if what == "pixels":
        data[16:24] = struct.pack(">II", 16000, 16000)  # 1.5 GB
    else:  # Pillow refuses to open one whose palette's transparency is too long
        at = data.index(b"IDAT" if what == "chunk" else b"tRNS") - 4
        data[at : at + 4] = struct.pack(">I", 2**31 - 1)
    (tmp_path / "a.png").write_bytes(repaired(bytes(data)))
    began = time.process_time()
    before = memory()
    with pytest.raises(UsageError, match="it is damaged"):
        read_photo(tmp_path / "a.png")
    assert time.process_time() - began < 1
    assert memory() - before < 50


def test_a_flat_png_is_read_however_small_its_file(tmp_path: Path) -> None:
    flat = np.zeros((3000, 3000), np.uint8)
    write_png(tmp_path / "flat.png", flat)
    assert (tmp_path / "flat.png").stat().st_size < 20_000
    assert read_photo(tmp_path / "flat.png").pixels.shape == (3000, 3000, 3)


def test_damage_in_exif_leaves_the_rest_of_the_header(tmp_path: Path) -> None:
    PICTURES["tags.png"](tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    at = data.index(b"eXIf") + 4
    (tmp_path / "a.png").write_bytes(repaired(data[:at] + b"\xff" * 8 + data[at + 8 :]))
    photo = read_photo(tmp_path / "a.png")
    assert dict(photo.tags)[b"cICP"] == bytes([9, 16, 0, 1])
    assert photo.profile is not None
