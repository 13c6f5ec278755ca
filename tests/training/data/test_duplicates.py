"""Pictures that show the same thing are found, mirrored and scaled too."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bgblur.frame import Image
from bgblur.training.data.duplicates import NEAR, joined, near_pairs, perceptual_hashes


def scene(seed: int) -> Image:
    """A smooth random picture, as different from another one as two photos are."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3)).astype(np.uint8)
    return cv2.resize(coarse, (240, 180), interpolation=cv2.INTER_CUBIC)


def write(folder: Path, **pictures: Image) -> list[Path]:
    for name, pixels in pictures.items():
        cv2.imwrite(str(folder / f"{name}.png"), pixels)
    return [folder / f"{name}.png" for name in pictures]


def test_a_copy_a_mirror_image_and_a_smaller_darker_jpeg_are_near(tmp_path: Path) -> None:
    paths = write(
        tmp_path,
        first=scene(1),
        other=scene(2),
        mirrored=scene(1)[:, ::-1],
        dark=cv2.resize((scene(1) * 0.6).astype(np.uint8), (120, 90)),
    )
    cv2.imwrite(str(tmp_path / "poor.jpg"), scene(1), [cv2.IMWRITE_JPEG_QUALITY, 30])
    pairs = near_pairs(*perceptual_hashes([*paths, tmp_path / "poor.jpg"]))
    same = [0, 2, 3, 4]
    assert pairs == [(one, other) for one in same for other in same if one < other]


def test_different_pictures_are_far(tmp_path: Path) -> None:
    paths = write(tmp_path, **{str(seed): scene(seed) for seed in range(40)})
    assert near_pairs(*perceptual_hashes(paths)) == []


def test_a_cut_out_is_compared_without_what_is_hidden(tmp_path: Path) -> None:
    alpha = np.zeros((180, 240), np.uint8)
    alpha[40:, 60:180] = 255
    paths = write(
        tmp_path,
        one=np.dstack([scene(3), alpha]),
        other=np.dstack([np.where(alpha[..., None] == 255, scene(3), 0), alpha]),
    )
    assert near_pairs(*perceptual_hashes(paths)) == [(0, 1)]


@pytest.mark.parametrize(("bits", "near"), [(NEAR, True), (NEAR + 2, False)])
def test_the_bound_itself_is_near(bits: int, near: bool) -> None:
    rng = np.random.default_rng(5)
    one = rng.random(255) > 0.5
    other = one.copy()
    other[:bits] ^= True
    far = rng.random((2, 255)) > 0.5
    assert near_pairs(np.stack([one, other]), far) == ([(0, 1)] if near else [])
    # The same where only the mirror image is near.
    assert near_pairs(np.stack([one, far[0]]), np.stack([far[1], other])) == (
        [(0, 1)] if near else []
    )


def test_no_pair_is_lost_at_the_edge_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bgblur.training.data.duplicates._AT_ONCE", 2)
    hashes = np.random.default_rng(5).random((5, 255)) > 0.5
    hashes[3] = hashes[0]
    assert near_pairs(hashes, ~hashes) == [(0, 3)]


def test_pairs_are_joined() -> None:
    pairs = [("b", "c"), ("x", "y"), ("a", "b"), ("y", "x"), ("d", "c")]
    assert joined(pairs) == [["a", "b", "c", "d"], ["x", "y"]]
