"""Packed data is the same data, only smaller."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.training.data import write_tree

from bgblur.training.data.groups import LIST, name_of
from bgblur.training.data.pack import pack
from bgblur.training.data.sets import DataError, read_cutout, read_photo
from bgblur.training.data.split import load_collections
from bgblur.training.evaluate.metrics import iou

PACK = Path(__file__).resolve().parents[3] / "scripts" / "pack_data.py"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("data"))


def unpacked(parts: list[Path], target: Path) -> Path:
    for part in parts:
        with tarfile.open(part) as archive:
            archive.extractall(target, filter="data")
    return target


def names_in(part: Path) -> list[str]:
    with tarfile.open(part) as archive:
        return archive.getnames()


def test_the_same_pictures_in_the_same_split(tree: Path, tmp_path: Path) -> None:
    there = unpacked(pack(tree, tmp_path / "out", 48, 10**9), tmp_path / "there")
    for here_part, there_part in zip(load_collections(tree), load_collections(there), strict=True):
        for name, pictures in here_part.photos.items():
            names = [picture.image.name for picture in there_part.photos[name]]
            assert names == [picture.image.name for picture in pictures]
        assert len(there_part.cutouts) == len(here_part.cutouts)
        assert len(there_part.rooms) == len(here_part.rooms)


def test_pictures_are_smaller_and_show_the_same(tree: Path, tmp_path: Path) -> None:
    there = unpacked(pack(tree, tmp_path / "out", 48, 10**9), tmp_path / "there")
    before, after = load_collections(tree)[0], load_collections(there)[0]
    for one, other in zip(before.all_photos, after.all_photos, strict=True):
        image, alpha, weight = read_photo(one)
        small, small_alpha, small_weight = read_photo(other)
        assert max(small.shape) == 48
        size = small.shape[1::-1]
        shrunk = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(int)
        assert np.abs(small - shrunk).mean() < 12  # levels
        assert iou(small_alpha, cv2.resize(alpha, size)) > 0.9
        assert set(np.unique(small_weight)) == set(np.unique(weight))
    cutout, alpha = read_cutout(after.cutouts[0])
    assert cutout.shape[:2] == alpha.shape == (48, 36)
    assert 0.1 < alpha.mean() < 0.9


def test_unsure_pixels_stay_unsure(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "data", photos=4)
    unsure = tree / "train" / "eg1800" / "ignore"
    unsure.mkdir()
    left_half = np.zeros((96, 72), np.uint8)
    left_half[:, :36] = 255
    for number in range(4):
        cv2.imwrite(str(unsure / f"{number:03}.png"), left_half)
    there = unpacked(pack(tree, tmp_path / "out", 48, 10**9), tmp_path / "there")
    weight = read_photo(load_collections(there)[0].photos["eg1800"][0])[2]
    assert weight.shape == (48, 36)
    assert not weight[:, :18].any()
    assert weight[:, 18:].all()


def test_held_out_pictures_are_thumbnails(tree: Path, tmp_path: Path) -> None:
    there = unpacked(pack(tree, tmp_path / "out", 48, 10**9), tmp_path / "there")
    assert max(read_photo(load_collections(there)[1].all_photos[0])[0].shape) == 16


def test_near_duplicates_of_held_out_pictures_stay_out_of_training(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "data")
    trained, held_out = (part.photos["eg1800"][0].image for part in load_collections(tree))
    group = sorted(map(name_of, (trained, held_out)))
    (tree / LIST).write_text(json.dumps({"compared": {}, "groups": [group]}))
    there = unpacked(pack(tree, tmp_path / "out", 48, 10**9), tmp_path / "there")
    names = [
        [[picture.image.name for picture in part.photos["eg1800"]] for part in load_collections(at)]
        for at in (tree, there)
    ]
    assert names[0] == names[1]
    assert trained.name not in names[1][0] + names[1][1]
    thumbnail = cv2.imread(str(there / "train" / "eg1800" / "images" / trained.name))
    assert thumbnail is not None
    assert max(thumbnail.shape) == 16


def test_no_part_is_too_large_or_empty(tree: Path, tmp_path: Path) -> None:
    parts = pack(tree, tmp_path / "out", 48, 40_960)
    assert len(parts) > 2
    assert all(part.stat().st_size <= 40_960 for part in parts)
    whole = pack(tree, tmp_path / "whole", 48, 10**9)
    assert len(whole) == 1
    assert [name for part in parts for name in names_in(part)] == names_in(whole[0])


def test_pictures_are_packed_upright_like_their_masks(tmp_path: Path) -> None:
    mine, exif = tmp_path / "mine", Image.Exif()
    exif[0x0112] = 6  # a phone's picture, to be rotated by 90 degrees
    for kind in ("images", "masks"):
        (mine / kind).mkdir(parents=True)
    for name in ("1", "2"):
        Image.new("RGB", (80, 40)).save(mine / "images" / f"{name}.jpg", exif=exif)
        Image.new("L", (40, 80), 255).save(mine / "masks" / f"{name}.png")
    there = unpacked(pack(mine, tmp_path / "out", 64, 10**9), tmp_path / "there")
    (photo,) = load_collections(there)[0].all_photos
    image, alpha, _ = read_photo(photo)
    assert image.shape[:2] == alpha.shape == (64, 32)
    Image.new("L", (80, 40), 255).save(mine / "masks" / "1.png")
    with pytest.raises(DataError, match="does not fit"):
        pack(mine, tmp_path / "again", 64, 10**9)


def test_the_command(tree: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    asked = [sys.executable, str(PACK), out, "--data", str(tree), "--longest", "64"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{out}/part-1.tar")
    again = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout) == (2, "")
    assert "has parts of another packing: remove them, or name another" in again.stderr


def test_an_impossible_target_is_one_line(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    asked = [sys.executable, str(PACK), str(tmp_path / "file" / "out"), "--data", str(tree)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr.strip().count("\n") == 0
    assert f"cannot use {tmp_path}/file/out: Not a directory" in done.stderr


def test_missing_data_is_reported_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no training photos"):
        pack(tmp_path, tmp_path / "out", 64, 10**6)
    assert not (tmp_path / "out").exists()
