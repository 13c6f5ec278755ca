"""The network, and the wrapper that makes it a self-contained segmenter.

Only training and export import this file; the daemon runs the exported TorchScript.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MEAN = (0.485, 0.456, 0.406)  # ImageNet's, RGB, as torchvision's and smp's encoders expect
STD = (0.229, 0.224, 0.225)
STRIDE = 32  # of the encoder's deepest stage: network inputs are multiples of it


def build_network(
    encoder: str = "resnet18",
    decoder_channels: tuple[int, ...] = (128, 64, 32, 16, 16),
    encoder_weights: str | None = None,
    decoder: str = "unet",
    decoder_blocks: tuple[int, ...] = (),
) -> nn.Module:
    """U-Net (Ronneberger et al. 2015) with a narrow decoder; one logit per pixel.

    Takes normalised RGB ``(N, 3, H, W)``, H and W multiples of 32; returns ``(N, 1, H, W)``.
    ``decoder`` is smp's ("unet") or LightUnet's ("light"); only the latter has ``decoder_blocks``.
    """
    import segmentation_models_pytorch as smp

    if decoder == "light":
        features = smp.encoders.get_encoder(encoder, depth=5, weights=encoder_weights)
        return LightUnet(_without_head(features), decoder_channels, decoder_blocks)
    model: nn.Module = smp.Unet(
        encoder,
        encoder_weights=encoder_weights,
        encoder_depth=len(decoder_channels),
        decoder_channels=decoder_channels,
        in_channels=3,
        classes=1,
    )
    return model


def _without_head(encoder: nn.Module) -> nn.Module:
    """Remove the parts of ``encoder`` that only a classifier needs, in place.

    smp's EfficientNets keep the classifier's last convolution, which is never run, and skip blocks
    at random in training, which is meant for hundreds of epochs.
    """
    if hasattr(encoder, "conv_head"):
        encoder.conv_head, encoder.bn2 = nn.Identity(), nn.Identity()
    for module in encoder.modules():
        if hasattr(module, "drop_prob"):
            module.drop_prob = 0.0  # type: ignore[assignment]
    return encoder


class LightUnet(nn.Module):
    """A U-Net for processors, without the two most expensive parts of the decoder.

    The encoder's deepest features are reduced to ``channels[0]`` before decoding, and decoding ends
    at half resolution, where the logits are upsampled: the edge-aware filter that follows finds the
    outline more exactly. The other ``channels`` are those of the four stages. ``blocks`` are the
    numbers of residual blocks at each of the five resolutions; at low ones they take little time.
    """

    def __init__(
        self, encoder: nn.Module, channels: tuple[int, ...], blocks: tuple[int, ...] = ()
    ) -> None:
        super().__init__()
        widths: list[int] = list(encoder.out_channels)  # type: ignore[arg-type]
        if len(channels) != len(widths) - 1:
            raise ValueError(f"a light decoder has {len(widths) - 1} channels: {channels}")
        if len(blocks) not in (0, len(channels)):
            raise ValueError(f"a light decoder has {len(channels)} numbers of blocks: {blocks}")
        more = [
            [_Residual(here) for _ in range(count)]
            for here, count in zip(channels, blocks or (0,) * len(channels), strict=True)
        ]
        self.encoder = encoder
        self.narrow = nn.Sequential(*_convolution(widths[-1], channels[0], 1), *more[0])
        self.stages = nn.ModuleList(
            _Stage(*_convolution(before + skip, here, 3), *_convolution(here, here, 3), *blocks_)
            for before, skip, here, blocks_ in zip(
                channels, widths[-2:0:-1], channels[1:], more[1:], strict=False
            )
        )
        self.head: nn.Module = nn.Conv2d(channels[-1], 1, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        features: list[Tensor] = self.encoder(images)
        x = self.narrow(features[-1])
        for stage, skip in zip(self.stages, features[-2:0:-1], strict=True):
            x = stage(x, skip)
        return F.interpolate(self.head(x), scale_factor=2.0, mode="bilinear")


class _Stage(nn.Sequential):
    def forward(self, deeper: Tensor, skip: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(torch.cat([F.interpolate(deeper, scale_factor=2.0), skip], 1))


class _Residual(nn.Module):
    """A ResNet's basic block (He et al. 2016), initialised to the identity (Goyal et al. 2017), so
    that blocks can be added to a trained network."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            *_convolution(channels, channels, 3), *_convolution(channels, channels, 3)[:-1]
        )
        last = self.change[-1]
        assert isinstance(last, nn.BatchNorm2d)
        nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu_(x + self.change(x))


def with_new_blocks(weights: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """``weights`` of a network with fewer residual blocks than the new ``network``, completed by
    the initial weights of the new blocks."""
    own = {name: value for name, value in network.state_dict().items() if ".change." in name}
    return {**own, **weights}


def _convolution(before: int, after: int, size: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, size, padding=size // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    ]


def normalise(images: Tensor) -> Tensor:
    """``uint8``-valued RGB ``(N, 3, H, W)`` (any float dtype) to the network's input range."""
    mean = torch.tensor(MEAN, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    return (images / 255 - mean) / std


class Segmenter(nn.Module):
    """From an image to its alpha: resizing, normalisation and sigmoid are part of the module.

    ``forward(image, input_height)``: ``image`` is ``uint8`` BGR ``(H, W, 3)``, any size. It is
    resized to ``input_height`` rows at its own aspect ratio, both rounded to multiples of 32.
    Returns alpha, ``float32`` in 0..1, at the network's resolution ``(h, w)``.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("scale", 1 / (255 * torch.tensor(STD).view(1, 3, 1, 1)))
        self.register_buffer("shift", -(torch.tensor(MEAN) / torch.tensor(STD)).view(1, 3, 1, 1))

    def forward(self, image: Tensor, input_height: int) -> Tensor:
        frame_height, frame_width = image.shape[0], image.shape[1]
        height = max(32, int(round(input_height / 32)) * 32)
        width = max(32, int(round(height * frame_width / frame_height / 32)) * 32)
        x = image.permute(2, 0, 1).unsqueeze(0)
        if image.device.type != "cpu":  # antialiased uint8 resize exists on the CPU only
            x = x.to(self.scale.dtype)
        x = F.interpolate(x, size=[height, width], mode="bilinear", antialias=True)
        x = x.flip(1).to(self.scale.dtype)
        x = (x * self.scale + self.shift).contiguous(memory_format=torch.channels_last)
        return torch.sigmoid(self.network(x).float())[0, 0]
