"""Learners trained and exported as in the tutorial; skips where fastai is not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from bgblur.frame import Image
from support.training.data import person, picture

vision = pytest.importorskip("fastai.vision.all", reason='pip install "bgblur[fastai]"')

SIZE = (32, 64)
CODES = ("background", "person")
IMAGENET = vision.imagenet_stats


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other make small pictures slow on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(5)
    for i in range(10):
        mask = person(*SIZE, rng)
        cv2.imwrite(str(folder / f"{i}.png"), picture(mask, rng))
        cv2.imwrite(str(folder / f"{i}_mask.png"), mask.astype(np.uint8))
    return folder


def create_mask(path: Path) -> Any:
    """Like the tutorial's function, which was defined in its notebook."""
    return vision.PILMask.create(path.with_name(f"{path.stem}_mask.png"))


class Own(nn.Module):
    """A layer that the notebook defines."""

    def forward(self, x: Any) -> Any:
        return x


create_mask.__module__ = Own.__module__ = "__main__"


def loaders(pictures: Path, codes: Any = CODES, stats: Any = (IMAGENET,)) -> Any:
    return vision.SegmentationDataLoaders.from_label_func(
        pictures,
        bs=4,
        fnames=[pictures / f"{i}.png" for i in range(10)],
        label_func=create_mask,
        codes=codes,
        item_tfms=[vision.Resize(SIZE)],
        batch_tfms=[vision.Normalize.from_stats(*each) for each in stats],
        num_workers=0,
    )


def export(learner: Any, path: Path, pickler: Any = None) -> Path:
    """Export as the tutorial did. fastai used ``pickle`` then, and uses cloudpickle now."""
    learner.path = path.parent
    with pytest.MonkeyPatch.context() as patch:
        for thing in (create_mask, Own):
            patch.setattr(sys.modules["__main__"], thing.__name__, thing, raising=False)
        learner.export(path.name, **({} if pickler is None else {"pickle_module": pickler}))
    return path


def small(pictures: Path, codes: Any = CODES, stats: Any = (IMAGENET,)) -> Any:
    """A Learner whose DynamicUnet has a tiny encoder, untrained."""
    torch.manual_seed(1)
    stages = [nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU()]
    unet = vision.DynamicUnet(nn.Sequential(*stages), len(codes), SIZE)
    with torch.no_grad():
        unet.layers[-2][0].weight *= 5  # more confident than a new network
    return vision.Learner(
        loaders(pictures, codes, stats), unet, loss_func=vision.CrossEntropyLossFlat(axis=1)
    )


def colourful(height: int, width: int) -> Image:
    """A picture with different structure in each channel."""
    seed: Any = np.random.default_rng(2).integers(0, 256, (8, 8, 3), np.uint8)
    return cv2.resize(seed, (width, height), interpolation=cv2.INTER_CUBIC)


def predicted(learner: Any, image: Image) -> Any:
    """The Learner's own prediction for a BGR image: the probability of class 1."""
    with learner.no_bar(), learner.no_logging():
        return learner.predict(np.ascontiguousarray(image[..., ::-1]))[2][1].numpy()


def eager(learner: Any, image: Image) -> Any:
    """The same from the Learner's network, at the image's own size."""
    rgb = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None] / 255
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in IMAGENET)
    with torch.inference_mode():
        return learner.model.eval()((rgb - mean) / std).softmax(1)[0, 1].numpy()
