from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ImageCms
from support.media.known_colors import UPRIGHT, corners

from bgblur.config.settings import EngineSettings, Settings
from bgblur.errors import ModelError, OutputError, UsageError
from bgblur.frame import Alpha, Image
from bgblur.imaging.pictures import read_photo, read_picture, write_png
from bgblur.offline.images import blur_images
from bgblur.offline.processor import Processor

ALL = frozenset({"composite", "alpha", "mask"})


def half(picture: Image) -> tuple[Image, Alpha]:
    """The picture as it is; alpha rises from 0 to 1 over its width."""
    height, width = picture.shape[:2]
    return picture, np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))


def jpeg_turned(path: Path, orientation: int) -> Path:
    """A JPEG with an EXIF block that holds nothing but the orientation."""
    data = cv2.imencode(".jpg", corners(), [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    tiff = b"II*\0" + struct.pack("<IHHHII", 8, 1, 0x0112, 3, 1, orientation) + bytes(4)
    exif = b"Exif\0\0" + tiff
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    return path


def saved(path: Path) -> Image:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return picture.astype(np.uint8)


def test_writes_what_was_asked_for(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", corners())
    out = tmp_path / "new" / "out"
    steps: list[tuple[int, int]] = []
    report = blur_images(
        [tmp_path / "a.png"],
        out,
        ALL,
        half,
        on_progress=lambda done, total: steps.append((done, total)),
    )
    assert report.written == [out / "a.png", out / "a_alpha.png", out / "a_mask.png"]
    assert report.problems == []
    assert steps == [(1, 1)]
    assert (saved(out / "a.png") == corners()).all()
    assert (saved(out / "a_alpha.png") == np.rint(np.linspace(0, 255, 64))).all()
    assert (saved(out / "a_mask.png") == np.repeat([0, 255], 32)).all()
    assert sorted(entry.name for entry in out.iterdir()) == ["a.png", "a_alpha.png", "a_mask.png"]


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize(
    "fault", [UsageError("it is a strip; crop it"), MemoryError("no memory"), cv2.error("bad")]
)
def test_one_bad_picture_does_not_end_a_folder(
    tmp_path: Path, fault: Exception, order: str
) -> None:
    write_png(tmp_path / "a.png", np.zeros((2, 300, 3), np.uint8))
    write_png(tmp_path / "b.png", corners())

    def process(picture: Image) -> tuple[Image, Alpha]:
        if picture.shape[1] > 100 * picture.shape[0]:
            raise fault
        return half(picture)

    paths = [tmp_path / f"{name}.png" for name in order]
    report = blur_images(paths, tmp_path / "out", frozenset({"composite"}), process)
    assert report.written == [tmp_path / "out" / "b.png"]
    (problem,) = report.problems
    assert problem.startswith(f"{tmp_path / 'a.png'} was left out: ")
    assert "\n" not in problem


def test_a_model_that_fails_ends_the_work(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", corners())

    def process(picture: Image) -> tuple[Image, Alpha]:
        raise ModelError("the person cannot be found: no kernel")

    with pytest.raises(ModelError):
        blur_images([tmp_path / "a.png"], tmp_path / "out", frozenset({"composite"}), process)


def test_a_strip_concerns_no_other_picture() -> None:
    """The engine refuses the picture and not the model: exit 2, as for each unreadable picture."""
    processor = Processor(Settings(engine=EngineSettings(device="cpu")), stills=True)
    with pytest.raises(UsageError, match=r"3000x2 is too wide .*; crop it"):
        processor(np.zeros((2, 3000, 3), np.uint8))
    assert processor(corners())[1].shape == (48, 64)


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_png(tmp_path / "a.png", corners())
    write_png(tmp_path / "elsewhere.png", np.zeros((2, 2, 3), np.uint8))
    (tmp_path / "out" / "a.png").symlink_to(tmp_path / "elsewhere.png")
    blur_images(
        [tmp_path / "a.png"], tmp_path / "out", frozenset({"composite"}), half, overwrite=True
    )
    assert (tmp_path / "out" / "a.png").is_symlink()
    assert (saved(tmp_path / "elsewhere.png") == corners()).all()


def test_writes_nothing_else(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", corners())
    blur_images([tmp_path / "a.png"], tmp_path / "out", frozenset({"mask"}), half)
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["a_mask.png"]


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_photos_come_out_upright(tmp_path: Path, orientation: int) -> None:
    path = jpeg_turned(tmp_path / "a.jpg", orientation)
    blur_images([path], tmp_path / "out", frozenset({"composite"}), half)
    picture = saved(tmp_path / "out" / "a.png").astype(int)
    assert picture.shape[:2] == ((64, 48) if orientation >= 5 else (48, 64))
    height, width = picture.shape[:2]
    shown = [picture[y, x] for y in (8, height - 8) for x in (8, width - 8)]
    assert np.abs(np.array(shown) - np.array(UPRIGHT[orientation], int)).max() <= 8


def test_every_depth_and_channel_count_becomes_bgr(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint16) * 257, (8, 1))
    cv2.imwrite(str(tmp_path / "gray16.png"), ramp)
    cv2.imwrite(str(tmp_path / "color16.png"), np.repeat(ramp[..., None], 3, 2))
    cv2.imwrite(str(tmp_path / "gray8.png"), (ramp // 257).astype(np.uint8))
    for name in ("gray16", "color16", "gray8"):
        picture = read_picture(tmp_path / f"{name}.png")
        assert picture.shape == (8, 256, 3)
        assert picture.dtype == np.uint8
        assert np.abs(picture[..., 1].astype(int) - ramp // 257).max() <= 1


@pytest.mark.parametrize("largest", [255, 65535])
def test_what_is_transparent_lies_on_white(tmp_path: Path, largest: int) -> None:
    kind = np.uint8 if largest == 255 else np.uint16
    picture = np.zeros((4, 3, 4), kind)  # a hidden black under every pixel
    picture[:, 1, 3], picture[:, 2, 3] = largest // 2, largest
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    read = read_picture(tmp_path / "a.png")
    assert read.shape == (4, 3, 3)
    assert read[0].tolist() == [[255] * 3, [128] * 3, [0] * 3]


def test_one_bad_picture_does_not_stop_the_others(tmp_path: Path) -> None:
    for name in ("a.png", "c.png"):
        write_png(tmp_path / name, corners())
    (tmp_path / "b.jpg").write_text("no picture at all")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    names = ["a.png", "b.jpg", "empty.png", "missing.png", "folder", "c.png"]
    out = tmp_path / "out"
    report = blur_images([tmp_path / n for n in names], out, frozenset({"composite"}), half)
    assert report.written == [out / "a.png", out / "c.png"]
    assert len(report.problems) == 4
    for line, name in zip(report.problems, names[1:5], strict=True):
        assert line.startswith(f"cannot read {tmp_path / name}: ")
        assert "\n" not in line


def never(picture: Image) -> tuple[Image, Alpha]:
    raise AssertionError


def test_two_inputs_of_one_name_are_refused_before_work(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first, second = tmp_path / "a.jpg", tmp_path / "b" / "a.png"
    for path in (first, second):
        cv2.imwrite(str(path), corners())
    with pytest.raises(UsageError, match=r"a\.jpg and .*a\.png would both become .*a\.png"):
        blur_images([first, second], tmp_path / "out", ALL, never)
    assert not (tmp_path / "out").exists()


def test_an_alpha_that_meets_a_picture_is_refused(tmp_path: Path) -> None:
    paths = [tmp_path / "a.jpg", tmp_path / "a_alpha.jpg"]
    for path in paths:
        cv2.imwrite(str(path), corners())
    with pytest.raises(UsageError, match="would both become"):
        blur_images(paths, tmp_path / "out", ALL, never)


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_png(path, corners())
    data = path.read_bytes()
    (tmp_path / "out").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="would overwrite an input"):
        blur_images([path], tmp_path / "out", ALL, never)
    assert path.read_bytes() == data


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", corners())
    with pytest.raises(OutputError, match="cannot make the folder"):
        blur_images([tmp_path / "a.png"], tmp_path / "a.png" / "out", ALL, never)


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write") as caught:
        write_png(tmp_path / "none" / "a.png", corners())
    assert "\n" not in str(caught.value)


def test_16_bits_transparency_and_profile_reach_the_result(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    deep = np.random.default_rng(0).integers(1, 65536, (48, 64, 4), np.uint16)
    write_png(tmp_path / "a.png", deep, profile)
    report = blur_images([tmp_path / "a.png"], tmp_path / "out", frozenset({"composite"}), half)
    whole = cv2.imread(str(report.written[0]), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(whole, deep)
    assert read_photo(report.written[0]).profile == profile


def test_existing_files_are_replaced_only_with_overwrite(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, corners())
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_text("older")
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    report = blur_images(paths, out, frozenset({"composite"}), half)
    assert report.written == [out / "b.png"]
    assert report.problems == [
        f"{out / 'a.png'} exists already: choose another name; "
        "--overwrite (overwrite=True) replaces it"
    ]
    assert (out / "a.png").read_text() == "older"
    report = blur_images(paths, out, frozenset({"composite"}), half, overwrite=True)
    assert (report.written, report.problems) == ([out / "a.png", out / "b.png"], [])
    assert (saved(out / "a.png") == corners()).all()


def test_the_explanation_has_its_own_file(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", corners())
    asked: list[tuple[int, ...]] = []

    def probability(picture: NDArray[Any]) -> Alpha:
        asked.append(picture.shape)
        return np.full((32, 64), 0.7, np.float32)

    report = blur_images(
        [tmp_path / "a.png"], tmp_path / "out", frozenset(), half, probability=probability
    )
    assert report.written == [tmp_path / "out" / "a_explain.png"]
    assert asked == [(48, 64, 3)]
    assert saved(report.written[0]).shape[1] > 1500
