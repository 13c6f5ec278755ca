"""From an exported fastai Learner to the one file the daemon runs.

What a tutorial's ``unet_learner`` gives, a DynamicUnet of two classes, is wrapped into a network
like ours: input normalised as ours is, one logit a pixel. ``export`` does the rest.

DynamicUnet resizes inside wherever a stage's size is odd, and a trace would fix that size. It has
nothing to resize in multiples of 32, the only sizes ``Segmenter`` shows to a network.
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
    """``classes`` is empty where the Learner does not name them; ``height`` is what its pictures
    were resized to in training, None where it is not known."""

    network: nn.Module
    classes: tuple[str, ...]
    person: int
    height: int | None


class PersonUnet(nn.Module):
    """A two-class network as one logit a pixel.

    ``forward`` takes RGB ``(N, 3, H, W)`` normalised by ImageNet's statistics and gives
    ``(N, 1, H, W)``, whose sigmoid is the softmax probability of class ``person``. ``mean`` and
    ``std`` are what ``unet`` expects of its input.
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
    """The network of what ``Learner.export`` wrote; unpickling is fenced, see fastai_pickle.

    ``person`` is the name or index of the person's class; without it the class called person, the
    one that is not called background, or else class 1. Raises UsageError where the file is none,
    or its network none we can run.
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

    Unlike the shipped model's, its size has no limit: fastai's decoder alone passes 30 MB. Raises
    ModelError, and leaves what was there, where alpha differs from the Learner's.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as unfinished:
        digest = export(imported.network, unfinished, Contract(note=note))
        difference = max_difference(imported.network, unfinished, parity_images())
        if not difference <= TOLERANCE:
            raise ModelError(
                f"the converted alpha differs by {difference:.4f} from the learner's, more than "
                f"{TOLERANCE}: its weights do not fit half precision, train on or again"
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
    """The class of the first part that was not let in, or nothing."""
    parts: list[Any] = [*module.children(), *module._forward_pre_hooks.values()]
    for part in parts:
        found = part.origin if isinstance(part, Absent) else ""
        if isinstance(part, nn.Module):
            found = _strange_part(part)
        if found:
            return found
    return ""


def _plain(unet: Any) -> nn.Module:
    """In ``float32``, for inference, with its cross connections, giving torch's own tensors."""
    from fastai.layers import ToTensorBase

    crossing = {hook.hook.id: hook.hook_fn for hook in unet.sfs}
    for module in unet.modules():
        # Each version of pickle keeps a hook's function in its own way: it is put in anew.
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
    """Mean and standard deviation, of a 0..1 image, that turn it into what the network expects."""
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
    if wanted is None:  # the wrong one would blur the user and show the room
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
