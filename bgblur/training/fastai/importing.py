"""Converts an exported fastai Learner to the file that the daemon runs.

A tutorial's ``unet_learner`` is a DynamicUnet with two classes. It is wrapped as a network of ours:
the same input normalisation, one logit a pixel. ``export`` does the rest.

DynamicUnet resizes wherever the size of a stage is odd, and a trace would fix that size. With
multiples of 32, the only sizes that ``Segmenter`` uses, it never resizes.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bgblur.errors import ModelError, UsageError
from bgblur.files import replacing
from bgblur.segmentation.contract import Contract
from bgblur.segmentation.network import MEAN, STD
from bgblur.training.export.export import TOLERANCE, Exported, export, max_difference, parity_images
from bgblur.training.fastai.pickle import Absent, find, load_learner


@dataclass(frozen=True)
class Imported:
    """A Learner's network. ``classes`` is empty where the Learner does not name them; ``person`` is
    the index of the person's class; ``height`` is that of the training pictures, if known."""

    network: nn.Module
    classes: tuple[str, ...]
    person: int
    height: int | None


class PersonUnet(nn.Module):
    """A two-class network as one logit a pixel.

    ``forward`` takes RGB ``(N, 3, H, W)`` normalised by ImageNet's statistics and returns
    ``(N, 1, H, W)``, whose sigmoid is the softmax probability of class ``person``. ``mean`` and
    ``std`` are those of the input that ``unet`` expects.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, unet: nn.Module, person: int, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.unet = unet
        self.person = person
        own_mean, own_std = (torch.tensor(each).view(1, 3, 1, 1) for each in (MEAN, STD))
        self.register_buffer("scale", own_std / std)
        self.register_buffer("shift", (own_mean - mean) / std)
        self._same = torch.allclose(mean, own_mean) and torch.allclose(std, own_std)

    def forward(self, images: Tensor) -> Tensor:
        if not self._same:
            images = images * self.scale + self.shift
        logits = self.unet(images)
        person, other = self.person, 1 - self.person
        return logits[:, person : person + 1] - logits[:, other : other + 1]


def read_learner(path: Path, person: str | None = None) -> Imported:
    """Read the network from a file of ``Learner.export``, without running its code: see pickle.py.

    ``person`` is the name or index of the person's class. By default it is the class called person,
    else the one that is not called background, else class 1. Raises UsageError where the file is
    not a Learner, or its network is of another kind.
    """
    learner = load_learner(path)
    unet = learner.get("model")
    _check(unet, path)
    loader = _loader(learner)
    classes = _classes(loader)
    index = _person_index(classes, person)
    mean, std = _normalisation(loader)
    network = PersonUnet(_plain(unet), index, mean, std).eval()
    return Imported(network, classes, index, _height(loader))


def convert(imported: Imported, target: Path, note: str) -> Exported:
    """Export to ``target`` and verify.

    Its size has no limit, unlike that of shipped models: fastai's decoder alone passes 30 MB. Where
    alpha differs from the Learner's, raises ModelError and keeps the old file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as unfinished:
        digest = export(imported.network, unfinished, Contract(note=note))
        difference = max_difference(imported.network, unfinished, parity_images())
        if not difference <= TOLERANCE:
            raise ModelError(
                f"the converted alpha differs by {difference:.4f} from the learner's, more than "
                f"{TOLERANCE}: its weights do not fit half precision, train it further"
            )
        size = unfinished.stat().st_size
    return Exported(size, digest, difference)


def _check(unet: Any, path: Path) -> None:
    from fastai.vision.models.unet import DynamicUnet

    if not isinstance(unet, DynamicUnet):
        kind = unet.origin if isinstance(unet, Absent) else type(unet).__name__
        raise UsageError(f"the network in {path} is a {kind}: only a unet_learner's can be used")
    strange = _strange_part(unet)
    if strange:
        raise UsageError(
            f"the network in {path} has parts of {strange}: "
            "only those of fastai and torchvision can be used"
        )
    last = [m for m in unet.modules() if isinstance(m, nn.Conv2d)][-1]
    if last.out_channels != 2:
        raise UsageError(
            f"the network in {path} has {last.out_channels} classes: "
            "train one with two, background and person"
        )


def _strange_part(module: nn.Module) -> str:
    """The class of the first part that is not allowed, or an empty string."""
    parts: list[Any] = [*module.children(), *module._forward_pre_hooks.values()]
    for part in parts:
        found = part.origin if isinstance(part, Absent) else ""
        if isinstance(part, nn.Module):
            found = _strange_part(part)
        if found:
            return found
    return ""


def _plain(unet: Any) -> nn.Module:
    """``unet`` in ``float32``, for inference, with its cross connections and plain tensors."""
    from fastai.layers import ToTensorBase

    crossing = {hook.hook.id: hook.hook_fn for hook in unet.sfs}
    for module in unet.modules():
        # Versions of pickle store a hook's function differently: set it again.
        hooks = module._forward_hooks
        module._forward_hooks = OrderedDict((k, crossing[k]) for k in hooks if k in crossing)
        for norm in list(module._forward_pre_hooks.values()):
            norm.remove(module)
        module._forward_pre_hooks.clear()
        module._state_dict_hooks.clear()
        module._load_state_dict_pre_hooks.clear()
    unet.layers = nn.ModuleList(m for m in unet.layers if not isinstance(m, ToTensorBase))
    return unet.float().eval().requires_grad_(False)


def _loader(learner: Absent) -> Any:
    """The loader that ``Learner.predict`` uses, the validation set's."""
    loaders = learner.get("dls").get("loaders")
    return loaders[min(1, len(loaders) - 1)]


def _normalisation(loader: Any) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation that normalise a 0..1 image for the network."""
    mean, std = torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)
    for step in find(loader.get("after_batch"), "fastai.data.transforms.Normalize"):
        mean = mean + std * step.get("mean").float().view(1, -1, 1, 1)
        std = std * step.get("std").float().view(1, -1, 1, 1)
    return mean, std


def _classes(loader: Any) -> tuple[str, ...]:
    for step in find(loader, "fastai.vision.core.AddMaskCodes"):
        codes = step.get("codes")
        if isinstance(codes, Absent):  # fastcore's list
            codes = codes.get("items")
        if codes is not None and len(codes) == 2:
            return tuple(str(code) for code in codes)
    return ()


def _person_index(classes: tuple[str, ...], wanted: str | None) -> int:
    names = [name.lower() for name in classes]
    if wanted is None:  # the wrong class would blur the user and show the room
        if "person" in names:
            return names.index("person")
        return 1 - names.index("background") if "background" in names else 1
    if wanted.lower() in names:
        return names.index(wanted.lower())
    if wanted not in ("0", "1"):
        known = ", ".join((*classes, "0", "1"))
        raise UsageError(f"there is no class {wanted}: --person-class is one of {known}")
    return int(wanted)


def _height(loader: Any) -> int | None:
    for step in find(loader, "fastai.vision.augment."):
        if step.get("cp_size"):  # aug_transforms(size=...), which comes after Resize
            return int(step.get("cp_size")[0])
    for step in find(loader, "fastai.vision.augment.Resize"):
        return int(step.get("size").args[0][1])  # (width, height)
    return None
