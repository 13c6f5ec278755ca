"""Held-out data, a network and targets; a module loads the fixtures with ``pytest_plugins``."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from bgblur.segmentation.network import build_network
from bgblur.training.data.sets import Collection
from bgblur.training.data.split import load_half
from support.training.data import write_tree


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def held_out(tree: Path) -> Collection:
    return load_half(tree, "report")


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return build_network().eval()


TARGETS = """
[[target]]
row = "eg1800"
figure = "iou"
input_height = 64
least = 1.01

[[target]]
row = "empty rooms"
figure = "leak"
input_height = 64
most = 1.0
"""
