"""The network, and the wrapper that turns it into a self-contained segmenter.

Only training and export import this file: the daemon runs the exported TorchScript.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MEAN = (0.485, 0.456, 0.406)  # ImageNet's, RGB: what torchvision's and smp's encoders expect
STD = (0.229, 0.224, 0.225)
STRIDE = 32  # of the encoder's deepest stage: network inputs are multiples of it


def build_network(
    encoder: str = "resnet18",
    decoder_channels: tuple[int, ...] = (128, 64, 32, 16, 16),
    encoder_weights: str | None = None,
) -> nn.Module:
    """U-Net (Ronneberger et al. 2015) with a light decoder; one logit a pixel.

    Takes normalised RGB ``(N, 3, H, W)``, H and W multiples of 32; gives ``(N, 1, H, W)``.
    """
    import segmentation_models_pytorch as smp

    model: nn.Module = smp.Unet(
        encoder,
        encoder_weights=encoder_weights,
        encoder_depth=len(decoder_channels),
        decoder_channels=decoder_channels,
        in_channels=3,
        classes=1,
    )
    return model


def normalise(images: Tensor) -> Tensor:
    """``uint8``-valued RGB ``(N, 3, H, W)`` (any float dtype) to the network's input range."""
    mean = torch.tensor(MEAN, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    return (images / 255 - mean) / std


class Segmenter(nn.Module):
    """Image in, alpha out: resize, normalisation and sigmoid are part of the module.

    ``forward(image, input_height)``: ``image`` is ``uint8`` BGR ``(H, W, 3)``, any size. The
    network sees it ``input_height`` high and as wide as its shape asks, both rounded to 32.
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
