"""Opens an exported fastai Learner without running what it carries.

A Learner is pickled whole: network, data loaders, callbacks, and functions of the notebook it was
trained in, some by a name in ``__main__`` that exists nowhere else. The network alone is wanted.
So only the classes a network is made of are let in, and an inert stand-in takes the place of every
other name. That also opens learners of other versions of fastai, Python and operating systems.
It is a fence, not a proof of safety: open files of people you trust.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from bgblur.errors import UsageError

_LAYERS = ("torch.nn.", "torchvision.", "fastai.")  # where any subclass of nn.Module is let in
_KNOWN = {
    "_codecs.encode",  # bytes, in protocol 2
    "builtins.set",
    "collections.OrderedDict",
    "fastai.callback.hook.Hook",  # the U-Net's cross connections
    "fastai.callback.hook.Hooks",
    "fastai.callback.hook._hook_inner",
    "fastai.torch_core.TensorBase",
    "numpy._core.multiarray._reconstruct",  # class names read with np.loadtxt
    "numpy.dtype",
    "numpy.ndarray",
    "torch.Size",
    "torch.Tensor",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_tensor_v2",
    "torch.device",
    "torch.nn.utils.spectral_norm.SpectralNorm",
    "torch.nn.utils.weight_norm.WeightNorm",
    "torch.utils.hooks.RemovableHandle",
}
_RENAMED = {"__builtin__": "builtins", "numpy.core.multiarray": "numpy._core.multiarray"}


class Absent:
    """Stands for an object that is not let in; ``origin`` is the full name of its class."""

    origin = ""

    def __new__(cls, *args: Any, **kwargs: Any) -> Absent:
        self = super().__new__(cls)
        self.args = args
        self.state = {}
        return self

    args: tuple[Any, ...]
    state: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *args: Any, **kwargs: Any) -> Absent:
        return Absent(*args)

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        pass

    def get(self, key: str) -> Any:
        """An attribute of the object, None where it has none of that name."""
        return self.state.get(key) if isinstance(self.state, dict) else None


def load_learner(path: Path) -> Absent:
    """What ``Learner.export`` wrote, as a stand-in whose ``get("model")`` is the real network.

    Raises UsageError where fastai is missing or the file is something else.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}: name the one learn.export() wrote")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch.jit, which fastai still uses
            import fastai.vision.models.unet  # noqa: F401
    except ImportError as error:
        raise UsageError(
            'a fastai Learner needs fastai to be read: pip install "bgblur[fastai]"'
        ) from error
    wrong = f"{path} is not an exported fastai Learner, or damaged: write it with learn.export()"
    if not zipfile.is_zipfile(path):
        raise UsageError(wrong)
    tolerant = SimpleNamespace(__name__="tolerant", Unpickler=_Unpickler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            learner = torch.load(path, "cpu", pickle_module=tolerant, weights_only=False)
    except Exception as error:  # a pickle is a program: a damaged one can raise anything
        raise UsageError(wrong) from error
    if not isinstance(learner, Absent) or learner.origin != "fastai.learner.Learner":
        raise UsageError(wrong)
    return learner


def find(root: Any, origin: str) -> list[Absent]:
    """The stand-ins that ``root`` refers to whose class's full name begins with ``origin``, each
    once, in the order they came."""
    return [thing for thing in _walk(root, set()) if thing.origin.startswith(origin)]


def _walk(thing: Any, seen: set[int]) -> Iterator[Absent]:
    if id(thing) in seen:
        return
    seen.add(id(thing))
    parts: Any = ()
    if isinstance(thing, Absent):
        yield thing
        parts = (thing.args, thing.state)
    elif isinstance(thing, dict):
        parts = thing.values()
    elif isinstance(thing, list | tuple | set):
        parts = thing
    for part in parts:
        yield from _walk(part, seen)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = _RENAMED.get(module, module)
        full_name = f"{module}.{name}"
        if full_name in _REPLACED:
            return _REPLACED[full_name]
        if full_name in _KNOWN:
            return super().find_class(module, name)
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        if module.startswith(_LAYERS):
            try:
                found = super().find_class(module, name)
            except (ImportError, AttributeError):  # of another version
                return _absent_class(full_name)
            if isinstance(found, type) and issubclass(found, nn.Module):
                return found
        return _absent_class(full_name)


def _absent_class(origin: str) -> type[Absent]:
    return type("Absent", (Absent,), {"origin": origin})


def _class_of_notebook(_: Any, name: str, *rest: Any) -> type[Absent]:
    return _absent_class(f"__main__.{name}")


def _plain_tensor(rebuild: Any, kind: Any, args: tuple[Any, ...], state: Any) -> Any:
    return rebuild(*args)


def _plain_tensor_of_old(kind: Any, *args: Any) -> Any:
    return torch._utils._rebuild_tensor_v2(*args)


_REPLACED: dict[str, Any] = {
    # fastai's tensors know what they depict, which is of no use here.
    "torch._tensor._rebuild_from_type_v2": _plain_tensor,
    "fastai.torch_core._fa_rebuild_tensor": _plain_tensor_of_old,
    # What a stand-in is made an instance of has to be a class.
    "builtins.getattr": lambda owner, name: _absent_class(name),
    "cloudpickle.cloudpickle._make_skeleton_class": _class_of_notebook,
    "cloudpickle.cloudpickle._make_skeleton_enum": _class_of_notebook,
}
