from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.training.data import write_tree

from bgblur.training.data.sets import Collection, DataError, Picture, read_cutout, read_photo
from bgblur.training.data.split import load_collections


def test_tree(tmp_path: Path) -> None:
    train, held_out = load_collections(write_tree(tmp_path, photos=20))
    assert {name: len(p) for name, p in train.photos.items()} == {"eg1800": 18, "voc_person": 18}
    assert (len(train.cutouts), len(train.rooms)) == (18, 36)
    assert (len(held_out.all_photos), len(held_out.cutouts), len(held_out.rooms)) == (4, 2, 4)
    assert load_collections(tmp_path) == (train, held_out)


def test_a_photo_without_a_mask_is_left_out(tmp_path: Path) -> None:
    write_tree(tmp_path)
    (tmp_path / "train" / "eg1800" / "masks" / "003.png").unlink()
    train, held_out = load_collections(tmp_path)
    names = {p.image.name for c in (train, held_out) for p in c.photos["eg1800"]}
    assert "003.jpg" not in names
    assert len(names) == 19


def write_mask(folder: Path, levels: list[int]) -> tuple[Path, Path]:
    image, mask = folder / "a.jpg", folder / "a.png"
    cv2.imwrite(str(image), np.full((1, len(levels), 3), 90, np.uint8))
    cv2.imwrite(str(mask), np.array([levels], np.uint8))
    return image, mask


def test_ignored_pixels_have_no_weight(tmp_path: Path) -> None:
    files = write_mask(tmp_path, [0, 128, 255, 127])
    image, alpha, weight = read_photo(Picture(*files, ignore=True))
    assert image.shape == (1, 4, 3)
    assert weight.tolist() == [[1, 0, 1, 1]]
    assert alpha[0] == pytest.approx([0, 0, 1, 127 / 255])
    assert alpha.dtype == weight.dtype == np.float32


def test_unsure_pixels_have_no_weight_and_the_others_stay_soft(tmp_path: Path) -> None:
    image, mask = write_mask(tmp_path, [10, 200, 128, 255])
    unsure = tmp_path / "unsure.png"
    cv2.imwrite(str(unsure), np.array([[0, 0, 255, 255]], np.uint8))
    _, alpha, weight = read_photo(Picture(image, mask, unsure=unsure))
    assert weight.tolist() == [[1, 1, 0, 0]]
    assert alpha[0] == pytest.approx([10 / 255, 200 / 255, 0, 0])


def test_pictures_know_their_unsure_pixels(tmp_path: Path) -> None:
    root = write_tree(tmp_path, photos=4)
    (root / "train" / "eg1800" / "ignore").mkdir()
    file = root / "train" / "eg1800" / "ignore" / "002.png"
    cv2.imwrite(str(file), np.zeros((96, 72), np.uint8))
    photos = [photo for part in load_collections(root) for photo in part.all_photos]
    assert [photo.mask for photo in photos if photo.unsure] == [root / "train/eg1800/masks/002.png"]


def test_only_people_with_sure_outlines_are_cut_out() -> None:
    sure, unsure = Picture(Path("a.jpg")), Picture(Path("b.jpg"), unsure=Path("b.png"))
    photos = {"figaro_hair": [sure, unsure], "voc_person": [Picture(Path("c.jpg"))]}
    assert Collection(photos, [], []).clean == [sure]
    assert Collection({"figaro_hair": [unsure]}, [], []).clean == [unsure]  # better than nobody


def test_things_do_not_change_which_rooms_are_held_out(tmp_path: Path) -> None:
    root = write_tree(tmp_path, photos=20)
    before = load_collections(root)
    (root / "backgrounds" / "things").mkdir()
    for number in range(20):
        thing = np.zeros((8, 8, 3), np.uint8)
        cv2.imwrite(str(root / "backgrounds" / "things" / f"{number}.jpg"), thing)
    after = load_collections(root)
    assert [len(part.rooms) for part in after] == [
        len(part.rooms) + n for part, n in zip(before, (18, 2), strict=True)
    ]
    assert all(set(one.rooms) < set(other.rooms) for one, other in zip(before, after, strict=True))


def test_128_is_soft_alpha_in_a_set_without_ignore(tmp_path: Path) -> None:
    _, alpha, weight = read_photo(Picture(*write_mask(tmp_path, [128])))
    assert (alpha[0, 0], weight[0, 0]) == (pytest.approx(128 / 255), 1)


def test_a_mask_of_another_size_is_resized(tmp_path: Path) -> None:
    image, mask = write_mask(tmp_path, [0, 255])
    cv2.imwrite(str(image), np.zeros((6, 12, 3), np.uint8))
    _, alpha, weight = read_photo(Picture(image, mask))
    assert alpha.shape == weight.shape == (6, 12)
    assert (alpha[:, :6] == 0).all()
    assert (alpha[:, 6:] == 1).all()


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    image, mask = write_mask(tmp_path, [0, 255])
    cv2.imwrite(str(image), np.zeros((12, 6, 3), np.uint8))
    with pytest.raises(DataError, match=r"a\.png is 2x1, which does not fit .* of 6x12"):
        read_photo(Picture(image, mask))


def test_a_room_is_empty(tmp_path: Path) -> None:
    image, _ = write_mask(tmp_path, [0, 0, 0])
    _, alpha, weight = read_photo(Picture(image))
    assert not alpha.any()
    assert weight.all()


def test_errors_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no training photos under .*--data") as none:
        load_collections(tmp_path)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"cannot read the picture .*broken\.jpg") as unreadable:
        read_photo(Picture(broken))
    opaque = tmp_path / "opaque.webp"
    cv2.imwrite(str(opaque), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DataError, match="no alpha channel") as no_alpha:
        read_cutout(Picture(opaque))
    assert all("\n" not in str(e.value) for e in (none, unreadable, no_alpha))
