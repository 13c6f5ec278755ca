from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scenes import disc, portrait
from support.torch_marks import needs_cuda
from support.training.data import KINDS, pattern, person, write_tree

from bgblur.training.augment import clothes, clutter, light_torch, walls
from bgblur.training.augment.clothes import Clothes
from bgblur.training.augment.clothes_torch import change_clothes, dress
from bgblur.training.augment.examples import Mix, draw_example
from bgblur.training.augment.examples_torch import _people, _sampled, _window, draw_batch
from bgblur.training.data.resident import PHOTO_SIDE, Resident, load_resident
from bgblur.training.data.sets import Collection, Picture, mixed, read_photo
from bgblur.training.data.split import load_collections
from bgblur.training.feed.loader import Phase, StepSampler
from bgblur.training.feed.resident_loader import ResidentLoader

CPU = torch.device("cpu")
PHOTOS, PEOPLE, EMPTY = Mix(0, 0), Mix(1, 0), Mix(0, 1)
Tensors = tuple[torch.Tensor, torch.Tensor, torch.Tensor]

seeds = st.integers(0, 2**32 - 1)
sides = st.integers(1, 4).map(lambda n: 32 * n)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return load_collections(write_tree(tmp_path_factory.mktemp("data")))[0]


@pytest.fixture(scope="module")
def pictures(collection: Collection) -> Resident:
    return load_resident(collection, CPU)


def draw(
    pictures: Resident,
    mix: Mix,
    seed: int = 1,
    count: int = 24,
    size: tuple[int, int] = (64, 96),
    device: torch.device = CPU,
) -> Tensors:
    drawn = draw_batch(pictures, mix, count, *size, np.random.default_rng(seed))
    assert all(part.device.type == device.type for part in drawn)
    return drawn


@settings(max_examples=25, deadline=None)
@given(seed=seeds, height=sides, width=sides, count=st.integers(1, 9))
def test_every_batch_is_well_formed(
    pictures: Resident, seed: int, height: int, width: int, count: int
) -> None:
    image, alpha, weight = draw(pictures, Mix(0.4, 0.2), seed, count, (height, width))
    assert image.shape == (count, 3, height, width)
    assert alpha.shape == weight.shape == (count, 1, height, width)
    assert (image.dtype, alpha.dtype, weight.dtype) == (torch.uint8, torch.float32, torch.float32)
    assert 0 <= float(alpha.min()) <= float(alpha.max()) <= 1
    assert set(weight.unique().tolist()) <= {0.0, 1.0}


def test_the_seed_decides_the_batch(pictures: Resident) -> None:
    mix = Mix(0.4, 0.2)
    for one, two in zip(draw(pictures, mix, 5), draw(pictures, mix, 5), strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(draw(pictures, mix, 5)[0], draw(pictures, mix, 6)[0])


def test_a_sample_is_the_picture(collection: Collection, pictures: Resident) -> None:
    """Whole, at half and at a fifth of its size, against OpenCV's area resizing."""
    image, alpha, _ = read_photo(collection.all_photos[0])
    rows, columns = alpha.shape
    for scale in (1, 2, 5):
        height, width = rows // scale, columns // scale
        frames = [_window(0, 0, scale)]
        planes, inside = _sampled(pictures.photo_bank, np.array([0]), frames, None, height, width)
        whole = image[: height * scale, : width * scale]
        expected = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        shown = planes[0, :3].permute(1, 2, 0).numpy()[..., ::-1]
        # The picture is noise, which the two ways of antialiasing average differently.
        assert np.abs(cv2.blur(shown - expected, (5, 5))).mean() < 6
        covers = cv2.resize(
            alpha[: height * scale, : width * scale], (width, height), interpolation=cv2.INTER_AREA
        )
        assert np.abs(planes[0, 3].numpy() / 255 - covers).mean() < 0.03
        assert inside.min() == 1


def test_empty_rooms_hold_no_person(pictures: Resident) -> None:
    image, alpha, weight = draw(pictures, EMPTY)
    assert not alpha.any()
    assert weight.all()
    assert image.float().std() > 5


def test_composited_people_are_there_and_stand_on_the_lower_edge(pictures: Resident) -> None:
    _, alpha, weight = draw(pictures, PEOPLE, count=60)
    present = (alpha > 0.5).float().mean((1, 2, 3))
    assert (present > 0.01).all()
    assert ((alpha[:, 0, -1] > 0.5).any(1)).all()
    assert weight.all()


@pytest.mark.parametrize("mix", [PHOTOS, PEOPLE])
def test_a_person_is_where_alpha_says(
    pictures: Resident, mix: Mix, monkeypatch: pytest.MonkeyPatch
) -> None:
    # People in the test pictures are bright, rooms are dark; light may change, the order may not.
    for module in (clothes, walls):  # they may be of any brightness
        monkeypatch.setattr(module, "SHARE", 0)
    monkeypatch.setattr(clutter, "SHARES", ())
    image, alpha, weight = draw(pictures, mix, count=60)
    grey = image.float().mean(1)
    judged = 0
    for one, cover, counts in zip(grey, alpha[:, 0], weight[:, 0], strict=True):
        bars = (one == one[0, 0]) | (one == one[-1, -1])
        inside, outside = cover > 0.9, (cover < 0.1) & (counts > 0) & ~bars
        if inside.any() and outside.any():
            judged += 1
            assert one[inside].mean() > one[outside].mean()
    assert judged > 30


def test_ignored_regions_survive(pictures: Resident) -> None:
    mix = Mix(0, 0, (("voc_person", 1.0),))
    ignored = (draw(pictures, mix, count=120)[2] == 0).float().mean((1, 2, 3))
    assert int((ignored > 0.01).sum()) > 20
    assert float(ignored.max()) < 0.5


def test_no_alpha_is_mixed_with_ignored_pixels(tmp_path: Path) -> None:
    """A person with an ignored rim: each judged pixel has the mask's alpha."""
    image, mask = tmp_path / "a.jpg", tmp_path / "a.png"
    cv2.imwrite(str(image), np.full((603, 901, 3), 120, np.uint8))  # larger than the stored size
    levels = np.full((603, 901), 255, np.uint8)
    levels[180:201] = 128
    cv2.imwrite(str(mask), levels)
    photos = {"voc_person": [Picture(image, mask, ignore=True)]}
    kept = load_resident(Collection(photos, [], []), CPU)
    assert kept.photo_bank.pixels.shape[2:] == (PHOTO_SIDE, PHOTO_SIDE)
    _, alpha, weight = draw(kept, PHOTOS, count=60)
    assert (alpha[(weight > 0) & (alpha > 0)] > 0.98).all()  # 0: the bars of a letterbox
    assert (weight == 0).any()


def test_batches_resemble_those_of_the_workers(collection: Collection, pictures: Resident) -> None:
    """On average: as much person and outline, and the same brightness and contrast."""
    mix = Mix(0.4, 0.1)
    drawn = [draw(pictures, mix, seed, 40, (96, 160)) for seed in range(6)]
    image, alpha, _ = (torch.cat(parts).double() for parts in zip(*drawn, strict=True))
    examples = [
        draw_example(collection, mix, 96, 160, np.random.default_rng(seed)) for seed in range(240)
    ]
    images = np.stack([e.image for e in examples]).astype(np.float64)
    alphas = np.stack([e.alpha for e in examples])
    assert float(alpha.mean()) == pytest.approx(alphas.mean(), abs=0.05)
    soft, softs = (alpha - 0.5).abs() < 0.4, np.abs(alphas - 0.5) < 0.4
    assert float(soft.double().mean()) == pytest.approx(softs.mean(), rel=0.5)
    assert float(image.mean()) == pytest.approx(images.mean(), abs=12)
    assert float(image.std()) == pytest.approx(images.std(), rel=0.15)


def test_half_of_the_people_are_the_user(tmp_path: Path, collection: Collection) -> None:
    """The user is green, all others are grey."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    for i in range(3):
        mask = person(96, 72, np.random.default_rng(i)).astype(np.uint8)
        cv2.imwrite(str(images / f"{i}.jpg"), mask[..., None] * np.array([0, 230, 0], np.uint8))
        cv2.imwrite(str(masks / f"{i}.png"), mask * 255)
    both = load_resident(mixed(load_collections(tmp_path)[0], collection), CPU)
    found = 0
    for seed in range(4):
        image, cover = _people(both, 50, 64, 96, np.random.default_rng(seed))
        inside = cover > 0.9
        red, green, _ = ((image * inside).sum((2, 3)) / inside.sum((2, 3)).clamp(min=1)).T
        found += int((green > 2 * red).sum())
    assert 70 < found < 130, "of 200"


def test_missing_sets_and_kinds_are_not_drawn(collection: Collection) -> None:
    bare = load_resident(Collection({"eg1800": collection.photos["eg1800"]}, [], []), CPU)
    assert draw(bare, Mix(0.5, 0.5, (("ccp", 1.0),)))[1].any()  # no rooms, no ccp
    uncut = load_resident(Collection(collection.photos, [], collection.rooms), CPU)
    assert draw(uncut, PEOPLE)[1].any()


@pytest.mark.parametrize("start", [1, 4, 6, 9])
def test_a_resumed_loader_continues(pictures: Resident, start: int) -> None:
    phases = (Phase(0.5, 3, ((32, 64),)), Phase(1.0, 2, ((64, 64), (64, 32))))
    whole = list(ResidentLoader(pictures, Mix(), StepSampler(phases, 0, 12, 4)))
    rest = list(ResidentLoader(pictures, Mix(), StepSampler(phases, start, 12, 4)))
    assert [image.shape[0] for image, _, _ in whole] == 6 * [3] + 6 * [2]
    assert len(rest) == len(whole) - start
    for one, two in zip(whole[start:], rest, strict=True):
        assert all(torch.equal(here, there) for here, there in zip(one, two, strict=True))
    first = [batch[0].float().mean().item() for batch in whole]
    assert len(set(first)) == len(first), "every step draws new pictures"


# ---------------------------------------------------------------- other clothes

BGR, ALPHA = portrait(160, 96), disc(160, 96)
RGB = torch.from_numpy(np.ascontiguousarray(BGR[..., ::-1].transpose(2, 0, 1))).float()
COVER = torch.from_numpy(ALPHA)[None]


def worn(seed: int) -> Clothes:
    return Clothes.draw(np.random.default_rng(seed))


@pytest.mark.parametrize("kind", [*KINDS, "room"])
def test_clothes_are_those_of_numpy(kind: str) -> None:
    """The same draw as in ``clothes.dress`` gives the same picture, except for rounding. Several in
    one batch, each person at another place."""
    seeds = [seed for seed in range(100) if pattern(worn(seed)) == kind][:6]
    assert len(seeds) == 6
    alphas = [np.roll(ALPHA, (7 * i, 11 * i), (0, 1)) for i in range(6)]
    cover = torch.from_numpy(np.stack(alphas))[:, None]
    images = RGB.repeat(6, 1, 1, 1)
    shown = dress(images, cover, [worn(seed) for seed in seeds])
    assert torch.equal(images, RGB.repeat(6, 1, 1, 1)), "the input is unchanged"
    assert np.array_equal(cover[:, 0].numpy(), np.stack(alphas))
    for image, alpha, seed in zip(shown, alphas, seeds, strict=True):
        expected = clothes.dress(BGR, alpha, np.random.default_rng(seed))
        apart = image.permute(1, 2, 0).numpy()[..., ::-1] - expected  # NumPy's result is truncated
        assert -0.1 < apart.min() <= apart.max() < 1.1
        assert np.abs(expected.astype(np.float32) - BGR).max() > 20


def test_clothes_leave_the_head_and_the_room() -> None:
    rows = np.flatnonzero((ALPHA > 0.5).any(1))
    for seed in range(60):
        shown = dress(RGB[None], COVER[None], [worn(seed)])[0]
        neck = rows[0] + worn(seed).neck * (rows[-1] + 1 - rows[0])
        assert torch.equal(shown[:, : int(neck) + 1], RGB[:, : int(neck) + 1])
        assert torch.equal(shown.where(COVER == 0, 0), RGB.where(COVER == 0, 0))
        assert 0 <= float(shown.min()) <= float(shown.max()) <= 255


def test_without_a_person_nothing_changes() -> None:
    covers = torch.stack([torch.zeros_like(COVER), torch.full_like(COVER, 0.4), COVER])
    shown = dress(RGB.repeat(3, 1, 1, 1), covers, [worn(seed) for seed in range(3)])
    assert torch.equal(shown[0], RGB)
    assert torch.equal(shown[1], RGB)
    assert not torch.equal(shown[2], RGB)


def test_some_of_a_batch_get_new_clothes(
    pictures: Resident, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = RGB.repeat(200, 1, 1, 1)
    change_clothes(images, COVER.repeat(200, 1, 1, 1), np.random.default_rng(1))
    others = (images != RGB).any(-1).any(-1).any(-1)
    assert 20 <= int(others.sum()) <= 62

    monkeypatch.setattr(light_torch, "_CHANGES", ())
    drawn = []
    for share in (0, 1):
        monkeypatch.setattr(clothes, "SHARE", share)
        drawn.append(draw(pictures, Mix(0.5, 0.2), count=60))
    (own, alpha, weight), (worn_all, *same) = drawn
    assert torch.equal(alpha, same[0])
    assert torch.equal(weight, same[1])
    assert torch.equal(own.where(alpha == 0, 0), worn_all.where(alpha == 0, 0))
    there = (alpha > 0.5).flatten(1).any(1)
    assert torch.equal((own != worn_all).flatten(1).any(1), there)


@pytest.mark.gpu
@needs_cuda
def test_a_gpu_draws_the_same(collection: Collection, pictures: Resident) -> None:
    gpu = torch.device("cuda")
    there = draw(load_resident(collection, gpu), Mix(0.6, 0), 3, device=gpu)
    here = draw(pictures, Mix(0.6, 0), 3)
    torch.testing.assert_close(there[1].cpu(), here[1], atol=0.02, rtol=0)
    apart = (there[0].cpu().float() - here[0].float()).abs()
    assert float(apart.flatten(1).mean(1).median()) < 1  # except for noise from another generator
