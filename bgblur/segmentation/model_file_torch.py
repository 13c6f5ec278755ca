"""Checks and loads a TorchScript file.

The daemon uses TorchScript here and in engine_torch.py only: upstream deprecates ``torch.jit``.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from bgblur.errors import ModelError
from bgblur.segmentation.contract import CONTRACT_FILE, Contract, parse_contract
from bgblur.segmentation.device_torch import choose_int8_kernels
from bgblur.segmentation.models import SHIPPED_MODELS

_MAKE_ONE = "make one with scripts/export.py or scripts/import_fastai.py"
_UNPACKED = 64 * 2**20  # bytes that code may unpack to beyond the file's size; weights are stored
_MORE_THAN_COMPUTES = re.compile(
    rb"\b(?P<word>save|from_file|rpc_async|rpc_sync|rpc_remote)\b"
    rb"|\bops\s*\.\s*(?P<space>(?!prim\b|aten\b|quantized\b)\w+)"
    rb"|\b(?P<classes>torch\s*\.\s*classes\b(?!\s*\.\s*quantized\b))"  # int8 weights need these
)


def load_model(path: Path) -> tuple[Any, Contract]:
    """(module in eval mode on the CPU, its file's contract). Raises ModelError."""
    if not path.is_file():
        names = ", ".join(("auto", *SHIPPED_MODELS))
        raise ModelError(f"there is no model file {path}: check engine.model, or set it to {names}")
    if path.stat().st_size == 0:
        raise ModelError(f"the model file {path} is empty: export it again")
    extra = {CONTRACT_FILE: ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        try:
            check_archive(path)
            choose_int8_kernels()
            module = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
        except ModelError:
            raise
        except Exception as error:  # damaged text in it is a UnicodeDecodeError, and so on
            raise ModelError(
                f"{path} is not a TorchScript model, or it is damaged: {_MAKE_ONE}"
            ) from error
    try:
        contract = parse_contract(extra[CONTRACT_FILE])
    except ValueError as error:
        raise ModelError(f"{path} is not a bgblur model: {_MAKE_ONE}") from error
    return module.eval(), contract


def check_archive(path: Path) -> None:
    """Check what an archive holds before any of it is loaded.

    Loading runs no Python, but TorchScript code may do more than compute: ``torch.save`` would
    write the raw frame to the disk, and code in a ``__setstate__`` runs during loading.

    Raises ModelError for an archive that unpacks to too much or whose code does more than compute,
    RuntimeError for a file that is not an archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(record.file_size for record in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise RuntimeError(f"it is not an archive: {error}") from error
    if unpacked > path.stat().st_size + _UNPACKED:
        raise ModelError(
            f"the model {path} would unpack to {unpacked / 2**20:.0f} MiB: use one you trust"
        )
    # torch's own reader: two readers may read a damaged archive differently.
    reader = torch._C.PyTorchFileReader(str(path))
    for name in reader.get_all_records():
        if not name.endswith((".py", ".pkl")) or name.endswith(".debug_pkl"):
            continue
        found = _MORE_THAN_COMPUTES.search(bytes(reader.get_record(name)))
        if found is not None:
            what = re.sub(r"\s", "", found[0].decode("ascii", "replace"))
            raise ModelError(
                f"the model {path} wants to do more than compute ({what} in {name}): "
                "use one you trust"
            )
