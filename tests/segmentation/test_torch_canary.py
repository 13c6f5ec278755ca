"""Each private or deprecated API of torch that bgblur uses, and the feature that needs it.

A failure here after an upgrade of torch says what breaks before users find it.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model
from torch import nn

from bgblur.segmentation.contract import CONTRACT_FILE


@pytest.fixture(autouse=True)
def _without_deprecations() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def parameters_of(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_torchscript_loads_with_its_extra_files(tmp_path: Path) -> None:
    """Deprecated ``torch.jit``: every model on a GPU and on processors (engine_torch)."""
    path = write_model(tmp_path / "m.ts", BRIGHT_AT_ITS_HEIGHT, '{"version": 1}')
    extra = {CONTRACT_FILE: ""}
    module = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
    assert extra[CONTRACT_FILE] in (b'{"version": 1}', '{"version": 1}')
    with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
        assert module(torch.full((64, 64, 3), 255, dtype=torch.uint8), 32).shape == (32, 32)


def test_torchs_archive_reader_lists_and_reads_records(tmp_path: Path) -> None:
    """``torch._C.PyTorchFileReader``: the check of a model file before it is loaded."""
    path = write_model(tmp_path / "m.ts", BRIGHT_AT_ITS_HEIGHT)
    reader = torch._C.PyTorchFileReader(str(path))
    code = [name for name in reader.get_all_records() if name.endswith(".py")]
    assert code
    assert b"forward" in bytes(reader.get_record(code[0]))


def test_int8_kernels_can_be_listed_and_selected() -> None:
    """Deprecated ``torch.quantize_per_tensor``, ``backends.quantized``: the int8 model."""
    quantized = torch.backends.quantized
    assert isinstance(quantized.supported_engines, list)
    quantized.engine = quantized.engine  # its setter
    assert callable(torch.quantize_per_tensor)
    assert callable(torch.ops.quantized.linear_prepack)  # bench's roofline of int8


def test_quantization_by_fx_is_there() -> None:
    """Deprecated ``torch.ao.quantization``: scripts/export.py --int8."""
    quantize_fx = import_module("torch.ao.quantization.quantize_fx")
    assert callable(quantize_fx.prepare_fx)
    assert callable(quantize_fx.convert_fx)


def test_the_processors_features_are_a_mapping() -> None:
    """``torch.cpu.get_capabilities``: the choice between fp32 and bf16 on processors."""
    assert isinstance(torch.cpu.get_capabilities().get("avx512_bf16", False), bool)


def test_nvrtc_compiles_by_source_name_and_architecture() -> None:
    """``torch.cuda._utils``: bgblur's own CUDA kernels; without them a GPU is slower."""
    utils = import_module("torch.cuda._utils")
    assert parameters_of(utils._nvrtc_compile)[:3] == [
        "kernel_source",
        "kernel_name",
        "compute_capability",
    ]
    assert len(parameters_of(utils._cuda_load_module)) == 2
    assert hasattr(import_module("torch.utils.cpp_extension"), "CUDA_HOME")


@pytest.mark.skipif(torch.version.cuda is None, reason="this torch was built without CUDA")
def test_a_memory_pool_can_be_released_by_hand() -> None:
    """``torch._C._cuda_*``: clean-up after a CUDA graph whose capture failed (gpu/graph.py)."""
    assert callable(torch._C._cuda_endAllocateToPool)
    assert callable(torch._C._cuda_releasePool)


def test_a_frozen_module_keeps_its_parameters() -> None:
    """``torch._C._freeze_module``, ``torch.jit._recursive``: scripts/export.py."""
    scripted = torch.jit.script(nn.Conv2d(1, 1, 1).eval())
    frozen = torch.jit._recursive.wrap_cpp_module(
        torch._C._freeze_module(scripted._c, preserveParameters=True)
    )
    assert len(list(frozen.parameters())) == 2


def test_tensors_are_rebuilt_from_a_pickle() -> None:
    """``torch._utils._rebuild_*``: scripts/import_fastai.py."""
    storage = torch.arange(4.0).untyped_storage()
    typed = torch.storage.TypedStorage(wrap_storage=storage, dtype=torch.float32, _internal=True)
    tensor = torch._utils._rebuild_tensor_v2(typed, 0, (2, 2), (2, 1), False, OrderedDict())
    np.testing.assert_array_equal(tensor.numpy(), [[0, 1], [2, 3]])
    assert torch._utils._rebuild_parameter(tensor, False, OrderedDict()).shape == (2, 2)
    assert callable(torch._tensor._rebuild_from_type_v2)


def test_a_modules_hooks_are_mappings() -> None:
    """``nn.Module._*_hooks``: scripts/import_fastai.py removes those of fastai."""
    module = nn.Identity()
    module.register_forward_hook(lambda *_: None)
    assert len(module._forward_hooks) == 1
    for name in ("_forward_pre_hooks", "_state_dict_hooks", "_load_state_dict_pre_hooks"):
        assert len(getattr(module, name)) == 0


def test_operations_are_dispatched_by_their_packet() -> None:
    """``torch.utils._python_dispatch``, ``_pytree``: the roofline of ``bgblur-cam bench``."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves
    from torch.utils.flop_counter import flop_registry

    seen = []

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            seen.append(func._overloadpacket)
            return func(*args, **(kwargs or {}))

    with Mode():
        torch.mm(torch.ones(2, 2), torch.ones(2, 2))
    assert any(packet in flop_registry for packet in seen)
    assert tree_leaves(((1, [2]), 3)) == [1, 2, 3]


def test_an_unfinished_import_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's ``__spec__._initializing``: status does not touch torch while it is imported."""
    (tmp_path / "half_done.py").write_text("during = __spec__._initializing\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = import_module("half_done")
    assert module.during is True
    assert not getattr(module.__spec__, "_initializing", False)
    sys.modules.pop("half_done")
