"""The torch version of examples.py: whole batches of resident pictures on the training device.

Random numbers come from the host's generator: a resumed run sees the same batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from bgblur.training.augment.chances import COMPOSITING, FRAMING
from bgblur.training.augment.clothes_torch import change_clothes
from bgblur.training.augment.clutter import CLOTHES
from bgblur.training.augment.clutter_torch import put_clutter
from bgblur.training.augment.examples import Mix, beside
from bgblur.training.augment.held_torch import hold
from bgblur.training.augment.light_torch import blurred, change_light, match_light
from bgblur.training.augment.patterns import Generator
from bgblur.training.augment.posters_torch import hang_posters
from bgblur.training.augment.rooms import DRESSED_SET
from bgblur.training.augment.walls_torch import paper_walls
from bgblur.training.data.resident import ALPHA, INNER, RGB, WEIGHT, Bank, Resident
from bgblur.training.data.sets import OWN

Matrix = NDArray[np.float64]  # (3, 3), maps pixels of the new frame to pixels of a stored picture
_DENSE = 2  # samples per pixel along each axis, averaged


@dataclass
class ExampleBatch:
    """``image`` RGB (N, 3, H, W) in 0..255, ``alpha`` and ``weight`` (N, 1, H, W); all
    ``float32``."""

    image: Tensor
    alpha: Tensor
    weight: Tensor


@torch.no_grad()
def draw_batch(
    pictures: Resident, mix: Mix, count: int, height: int, width: int, rng: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw augmented examples on the device of ``pictures``: image ``uint8`` RGB (N, 3, H, W),
    alpha and weight ``float32`` (N, 1, H, W)."""
    rolls = rng.random(count)
    empty, composited = (mix.empty, mix.composited) if pictures.rooms is not None else (0.0, 0.0)
    photos = int((rolls >= empty + composited).sum())
    people = int((rolls >= empty).sum()) - photos
    parts = []
    if photos:
        parts.append(_photos(pictures, mix, photos, height, width, rng))
    if count > photos:
        rooms = _rooms(pictures, count - photos, height, width, rng)
        if people:
            _people_into(rooms, people, pictures, rng)
        parts.append(rooms)
    image, alpha, weight = (
        torch.cat([getattr(part, name) for part in parts]) for name in ("image", "alpha", "weight")
    )
    mirrored = torch.from_numpy(rng.random(count) < FRAMING.mirrored)
    turned = mirrored.to(image.device)[:, None, None, None]
    image, alpha, weight = (torch.where(turned, p.flip(3), p) for p in (image, alpha, weight))
    change_clothes(image, alpha, rng)
    change_light(image, rng)
    return image.round().byte(), alpha.clamp(0, 1), weight


# ---------------------------------------------------------------- geometry


def _sampled(
    bank: Bank,
    indices: NDArray[np.int64],
    frames: list[Matrix],
    turns: list[Matrix] | None,
    height: int,
    width: int,
) -> tuple[Tensor, Tensor]:
    """Return planes (N, C, H, W) in 0..255, and (N, 1, H, W): 1 inside the picture, 0 outside.

    ``frames`` map the new frame to the picture; ``turns`` map that to the picture as it is stored,
    mirrored at its edges.
    """
    device = bank.pixels.device
    places = torch.from_numpy(np.stack(frames)).float().to(device)
    rows = (torch.arange(_DENSE * height, device=device) + 0.5) / _DENSE
    columns = (torch.arange(_DENSE * width, device=device) + 0.5) / _DENSE
    v, u = torch.meshgrid(rows, columns, indexing="ij")
    at = torch.stack([u, v, torch.ones_like(u)], dim=-1).view(1, -1, 3) @ places.mT  # (N, HW, 3)
    ends = torch.from_numpy(bank.sizes[indices][:, None, ::-1].copy()).to(device)  # columns, rows
    inside = ((at[..., :2] >= 0) & (at[..., :2] < ends)).all(-1).float()
    if turns is not None:
        at = at @ torch.from_numpy(np.stack(turns)).float().to(device).mT
    grid = (2 * at[..., :2] / bank.pixels.shape[3] - 1).view(len(indices), len(rows), -1, 2)
    planes = torch.empty(
        (len(indices), bank.pixels.shape[1], *grid.shape[1:3]), device=device
    )  # of both levels
    # Sampling does not antialias: shrunk pictures are sampled from the half-sized ones.
    shrinks = np.array([abs(np.linalg.det(m[:2, :2])) ** 0.5 for m in frames]) > 1.5 * _DENSE
    for level, chosen in ((bank.half, shrinks), (bank.pixels, ~shrinks)):
        if chosen.any():
            where = torch.from_numpy(np.flatnonzero(chosen)).to(device)
            stored = level[torch.from_numpy(indices[chosen]).to(device)].float()
            planes[where] = F.grid_sample(
                stored, grid[where], padding_mode="reflection", align_corners=False
            )
    inside = inside.view(len(indices), 1, *grid.shape[1:3])
    return F.avg_pool2d(planes, _DENSE), F.avg_pool2d(inside, _DENSE)


def _window(top: float, left: float, scale: float) -> Matrix:
    """Map a frame's pixels to a picture's: the frame starts at (top, left) of the picture, and one
    pixel of the frame is ``scale`` pixels of the picture."""
    return np.array([[scale, 0, left], [0, scale, top], [0, 0, 1.0]])


def _rotation(rows: int, columns: int, rng: Generator) -> Matrix:
    """A random rotation about the picture's centre, or the identity."""
    if rng.random() >= FRAMING.rotated:
        return np.eye(3)
    angle = np.radians(float(rng.uniform(*FRAMING.angle)))
    c, s, x, y = np.cos(angle), np.sin(angle), columns / 2, rows / 2
    return np.array([[c, -s, x - c * x + s * y], [s, c, y - s * x - c * y], [0, 0, 1.0]])


def _photos(
    pictures: Resident, mix: Mix, count: int, height: int, width: int, rng: Generator
) -> ExampleBatch:
    """Draw webcam framings cut out of photos, and whole photos letterboxed."""
    bank = pictures.photo_bank
    indices = _pick_photos(pictures, mix, count, rng)
    frames, turns = [], []
    for index in indices:
        rows, columns = (int(side) for side in bank.sizes[index])
        turns.append(_rotation(rows, columns, rng))
        if rng.random() < FRAMING.letterboxed:
            scale = max(rows / height, columns / width)
            y, x = rng.random(2) * (height - rows / scale, width - columns / scale)
            frames.append(_window(-y * scale, -x * scale, scale))
        else:
            frames.append(_cut(bank, int(index), height, width, rng))
    planes, inside = _sampled(bank, indices, frames, turns, height, width)
    plain = rng.integers(0, 256, (count, 3)) * (rng.random((count, 1)) < FRAMING.colored_bars)
    color = torch.from_numpy(plain).float().to(planes.device)[..., None, None]
    there = inside > FRAMING.judged  # a letterboxed photo's rim counts as bar
    image = torch.where(there, planes[:, RGB], color)
    alpha = planes[:, ALPHA, None] / 255 * there
    # Where resizing mixed ignored and judged pixels, alpha is a mixture too: ignore it.
    weight = ((planes[:, WEIGHT, None] > FRAMING.judged * 255) | ~there).float()
    return ExampleBatch(image, alpha, weight)


def _pick_photos(pictures: Resident, mix: Mix, count: int, rng: Generator) -> NDArray[np.int64]:
    sets = [(pictures.photos[name], w) for name, w in mix.set_weights if name in pictures.photos]
    if not sets:
        return rng.integers(len(pictures.photo_bank.sizes), size=count)
    shares = np.array([weight for _, weight in sets])
    chosen = rng.choice(len(sets), size=count, p=shares / shares.sum())
    return np.array([sets[i][0].start + rng.integers(len(sets[i][0])) for i in chosen], np.int64)


def _cut(bank: Bank, index: int, height: int, width: int, rng: Generator) -> Matrix:
    """Draw a window that holds both person and room, if one is found in a few tries."""
    rows, columns = (int(side) for side in bank.sizes[index])
    whole = min(rows / height, columns / width)
    for _ in range(FRAMING.crop_tries):
        scale = whole * float(np.exp(rng.uniform(*np.log(FRAMING.crop))))
        h, w = height * scale, width * scale
        y, x = rng.random(2) * (rows - h, columns - w)
        window = (y / rows, x / columns, (y + h) / rows, (x + w) / columns)
        least, most = FRAMING.crop_person
        if least < bank.covered(index, *window) < most:
            break
    return _window(y, x, scale)


# ---------------------------------------------------------------- compositing


def _rooms(pictures: Resident, count: int, height: int, width: int, rng: Generator) -> ExampleBatch:
    """Draw empty rooms."""
    bank = pictures.rooms
    assert bank is not None
    indices = rng.integers(len(bank.sizes), size=count)
    frames = []
    for index in indices:
        rows, columns = (int(side) for side in bank.sizes[index])
        scale = min(rows / height, columns / width) * float(rng.uniform(*FRAMING.room_crop))
        y, x = rng.random(2) * (rows - height * scale, columns - width * scale)
        frames.append(_window(y, x, scale))
    image = _sampled(bank, indices, frames, None, height, width)[0]
    paper_walls(image, rng)
    hang_posters(image, pictures.photo_bank, rng, _sampled)
    put_clutter(image, rng, lambda some: _clothes(pictures, some, height, width, rng))
    alpha = image.new_zeros((count, 1, height, width))
    return ExampleBatch(image, alpha, torch.ones_like(alpha))


def _clothes(
    pictures: Resident, count: int, height: int, width: int, rng: Generator
) -> Tensor | None:
    """Draw pictures of clothes, RGB (N, 3, H, W), or None; see rooms._clothes."""
    bank, numbers = pictures.photo_bank, pictures.photos.get(DRESSED_SET, range(0))
    if pictures.cutouts is not None and (not numbers or rng.random() < COMPOSITING.cutout):
        bank, numbers = pictures.cutouts, range(len(pictures.cutouts.sizes))
    if not numbers:
        return None
    indices = rng.choice(np.asarray(numbers), size=count)
    first, last, here, there = CLOTHES
    frames = []
    for top, left, bottom, right in bank.boxes[indices]:
        tall, wide = max(1, bottom - top), max(1, right - left)
        frames.append(
            np.array(
                [
                    [(there - here) * wide / width, 0, left + here * wide],
                    [0, (last - first) * tall / height, top + first * tall],
                    [0, 0, 1.0],
                ]
            )
        )
    return _sampled(bank, indices, frames, None, height, width)[0][:, RGB]


def _people_into(rooms: ExampleBatch, count: int, pictures: Resident, rng: Generator) -> None:
    """Composite one or two people over each of the first ``count`` rooms, in place."""
    room = rooms.image[:count]
    soft = np.flatnonzero(rng.random(count) < COMPOSITING.room_blurred)
    if len(soft):
        where = torch.from_numpy(soft).to(room.device)
        room[where] = blurred(room[where], rng.uniform(*COMPOSITING.room_sigma, len(soft)))
    for chosen in (np.arange(count), np.flatnonzero(rng.random(count) < COMPOSITING.second_person)):
        if not len(chosen):
            continue
        where = torch.from_numpy(chosen).to(room.device)
        height, width = room.shape[2:]
        placed, cover = _people(pictures, len(chosen), height, width, rng)
        hold(placed, cover, rng)
        placed = match_light(placed, cover, room[where], rng)
        feathered = np.flatnonzero(rng.random(len(chosen)) < COMPOSITING.feathered)
        if len(feathered):
            edges = torch.from_numpy(feathered).to(room.device)
            sigmas = rng.uniform(*COMPOSITING.feather_sigma, len(feathered))
            cover[edges] = blurred(cover[edges], sigmas)
        rooms.image[where] += (placed - rooms.image[where]) * cover
        rooms.alpha[where] = torch.maximum(rooms.alpha[where], cover)


def _people(
    pictures: Resident, count: int, height: int, width: int, rng: Generator
) -> tuple[Tensor, Tensor]:
    """Draw people, standing on the frame's lower edge or cut by it; see examples._person.

    Returns image (N, 3, H, W) and cover (N, 1, H, W).
    """
    own = rng.random(count) < (COMPOSITING.own if OWN in pictures.photos else 0.0)
    cut = ~own & (rng.random(count) < (COMPOSITING.cutout if pictures.cutouts is not None else 0.0))
    placed = torch.zeros((count, 3, height, width), device=pictures.photo_bank.pixels.device)
    cover = torch.zeros((count, 1, height, width), device=placed.device)
    photos, cutouts = pictures.photo_bank, pictures.cutouts
    for bank, chosen, numbers in (
        (photos, own, pictures.photos.get(OWN, range(0))),
        (cutouts, cut, range(len(cutouts.sizes)) if cutouts is not None else range(0)),
        (photos, ~own & ~cut, pictures.clean),
    ):
        if bank is None or not chosen.any():
            continue
        indices = rng.choice(np.asarray(numbers), size=int(chosen.sum()))
        frames = [
            _standing(bank.boxes[i], int(bank.sizes[i][1]), height, width, rng) for i in indices
        ]
        planes, inside = _sampled(bank, indices, frames, None, height, width)
        where = torch.from_numpy(np.flatnonzero(chosen)).to(placed.device)
        placed[where] = planes[:, RGB]
        there = torch.from_numpy(bank.boxes[indices][:, 2] > 0).to(placed.device)
        cover[where] = planes[:, INNER, None] / 255 * inside * there[:, None, None, None]
    return placed, cover


def _standing(
    box: NDArray[np.int64], columns: int, height: int, width: int, rng: Generator
) -> Matrix:
    top, left, bottom, right = (int(edge) for edge in box)
    tall = max(1, bottom - top)
    scale = float(rng.uniform(*COMPOSITING.height)) * height / tall
    x = rng.uniform(*COMPOSITING.center) * width - scale * (left + right) / 2
    x = beside(x, left == 0, right == columns, width - scale * right)
    # Cut-outs end at the hips: the cut must lie below the frame, or the person would float.
    y = max(rng.uniform(*COMPOSITING.head) * height, height - scale * tall) - scale * top
    return _window(-y / scale, -x / scale, 1 / scale)
