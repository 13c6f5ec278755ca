"""Opens an exported fastai Learner without running the code in it.

A Learner's pickle holds the network, data loaders, callbacks and functions of the notebook, some by
a name in ``__main__`` that exists nowhere else. Only the network is needed. So only the classes of
networks are loaded, and an inert stand-in replaces every other name. That also opens learners from
other versions of fastai, Python and operating systems. This lowers the risk, but proves no file
safe: open only files from people you trust.
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

_LAYERS = ("torch.nn.", "torchvision.", "fastai.")  # any subclass of nn.Module in them is allowed
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
    """Stands for an object that is not loaded; ``origin`` is the full name of its class."""

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
        """An attribute of the object, or None."""
        return self.state.get(key) if isinstance(self.state, dict) else None


def load_learner(path: Path) -> Absent:
    """Read a file of ``Learner.export`` as a stand-in whose ``get("model")`` is the real network.

    Raises UsageError where fastai is missing or the file is something else.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}: name the one that learn.export() wrote")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fastai still uses torch.jit, which is deprecated
            import fastai.vision.models.unet  # noqa: F401
    except ImportError as error:
        raise UsageError(
            'reading a fastai Learner needs fastai: pip install "bgblur[fastai]"'
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
    """The stand-ins within ``root`` whose class name begins with ``origin``, each once."""
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
            except (ImportError, AttributeError):  # from another version
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
    # fastai's tensors have types for their content, which are not needed here.
    "torch._tensor._rebuild_from_type_v2": _plain_tensor,
    "fastai.torch_core._fa_rebuild_tensor": _plain_tensor_of_old,
    # These must return a class: the pickle creates instances of it.
    "builtins.getattr": lambda owner, name: _absent_class(name),
    "cloudpickle.cloudpickle._make_skeleton_class": _class_of_notebook,
    "cloudpickle.cloudpickle._make_skeleton_enum": _class_of_notebook,
}
