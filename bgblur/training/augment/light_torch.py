"""The torch version of light.py, without the video codec, for batches on the training device.

Pictures are RGB ``float32`` (N, 3, H, W) in 0..255; the functions of ``_CHANGES`` may leave that
range.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from kornia.enhance import jpeg_codec_differentiable
from kornia.filters import gaussian_blur2d, motion_blur
from numpy.typing import NDArray
from torch import Tensor

from bgblur.training.augment.chances import COMPOSITING, LIGHT, Light
from bgblur.training.augment.patterns import LUMA, Generator


def change_light(image: Tensor, rng: Generator) -> None:
    """Apply each of ``_CHANGES`` to every picture at its chance, in place."""
    for chance, change in _CHANGES:
        chosen = np.flatnonzero(rng.random(len(image)) < chance(LIGHT))
        if len(chosen):
            which = torch.from_numpy(chosen).to(image.device)
            image[which] = change(image[which], rng).clamp(0, 255)


def column(values: NDArray[np.float64], like: Tensor) -> Tensor:
    """Shape one number per example (N,), or per channel (N, 3), to multiply pictures with."""
    column = torch.from_numpy(values).float().to(like.device)
    return column.view(len(values), -1, 1, 1)


def blurred(planes: Tensor, sigmas: NDArray[np.float64]) -> Tensor:
    """Blur each of ``planes`` (N, C, H, W) with its own Gaussian; ``sigmas`` in pixels."""
    radius = int(np.ceil(3 * sigmas.max()))
    sigma = torch.from_numpy(sigmas).float().to(planes.device)[:, None].repeat(1, 2)
    soft: Tensor = gaussian_blur2d(planes, 2 * radius + 1, sigma, "replicate")
    return soft


def _tone(image: Tensor, rng: Generator) -> Tensor:
    """Exposure, contrast, gamma and white balance."""
    count = len(image)
    gamma, contrast, light = (
        column(rng.uniform(low, high, count), image)
        for low, high in (LIGHT.gamma, LIGHT.contrast, LIGHT.brightness)
    )
    balance = column(rng.uniform(*LIGHT.balance, (count, 3)), image)
    return (((image / 255) ** gamma - 0.5) * contrast + 0.5 + light) * balance * 255


def _saturation(image: Tensor, rng: Generator) -> Tensor:
    luma = torch.tensor(LUMA, device=image.device).view(1, 3, 1, 1)
    grey = (image * luma).sum(1, keepdim=True)
    colored = rng.random(len(image)) >= LIGHT.grey
    keep = colored * rng.uniform(*LIGHT.saturation_gain, len(image))
    return grey + column(keep, image) * (image - grey)


def _dark_and_noisy(image: Tensor, rng: Generator) -> Tensor:
    count = len(image)
    generator = torch.Generator(image.device).manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(image.shape, generator=generator, device=image.device)
    dim, sigma = LIGHT.draw_dim(rng, count), rng.uniform(*LIGHT.noise_sigma, count)
    return image * column(dim, image) + noise * column(sigma, image)


def _blur(image: Tensor, rng: Generator) -> Tensor:
    return blurred(image, rng.uniform(*LIGHT.blur_sigma, len(image)))


def _motion_blur(image: Tensor, rng: Generator) -> Tensor:
    """One length for the whole batch; see light._motion_blur."""
    length = LIGHT.draw_motion_length(rng, image.shape[2])
    angles = torch.from_numpy(rng.uniform(*LIGHT.motion_angle, len(image))).float().to(image.device)
    moved: Tensor = motion_blur(image, length, angles, torch.zeros_like(angles), "replicate")
    return moved


def _jpeg(image: Tensor, rng: Generator) -> Tensor:
    quality = (
        torch.from_numpy(rng.integers(*LIGHT.jpeg_quality, len(image))).float().to(image.device)
    )
    decoded: Tensor = jpeg_codec_differentiable(image / 255, quality)
    return decoded * 255


_CHANGES: tuple[tuple[Callable[[Light], float], Callable[[Tensor, Generator], Tensor]], ...] = (
    (lambda light: light.tone, _tone),
    (lambda light: light.saturation, _saturation),
    (lambda light: light.dark, _dark_and_noisy),
    (lambda light: light.blur, _blur),
    (lambda light: light.motion, _motion_blur),
    (lambda light: light.jpeg_or_codec, _jpeg),
)


def match_light(placed: Tensor, cover: Tensor, room: Tensor, rng: Generator) -> Tensor:
    """Move the person's mean and contrast part of the way to the room's (Reinhard et al. 2001)."""
    inside = (cover > 0.5).float()
    pixels = inside.sum((2, 3), keepdim=True).clamp(min=1)
    mean = (placed * inside).sum((2, 3), keepdim=True) / pixels
    std = ((placed - mean).square() * inside).sum((2, 3), keepdim=True).div(pixels).sqrt() + 1
    target = room.std((2, 3), keepdim=True, correction=0) + 1
    pull = column(rng.uniform(*COMPOSITING.pull, len(placed)), placed)
    gain = (1 - pull) + pull * (target / std).clamp(*COMPOSITING.gain)
    shift = pull * (room.mean((2, 3), keepdim=True) - mean) * COMPOSITING.mean_pull
    return ((placed - mean) * gain + mean + shift).clamp(0, 255)
