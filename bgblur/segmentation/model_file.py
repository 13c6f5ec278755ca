"""What a TorchScript archive may hold, looked at before any of it is loaded.

Loading one runs no Python, but its code may do more than compute: ``torch.save`` would write the
raw frame to the disk, and code in a ``__setstate__`` runs while the file is being loaded.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import torch

from bgblur.errors import ModelError

_UNPACKED = 64 * 2**20  # bytes that code may have beyond the file's size; weights are not packed
_REACHES_OUT = re.compile(
    rb"\b(?P<word>save|from_file|rpc_async|rpc_sync|rpc_remote)\b"
    rb"|\bops\s*\.\s*(?P<space>(?!prim\b|aten\b|quantized\b)\w+)"
    rb"|\b(?P<classes>torch\s*\.\s*classes\b(?!\s*\.\s*quantized\b))"  # but for int8's weights
)


def check_archive(path: Path) -> None:
    """Raises ModelError for an archive that unpacks beyond measure or whose code does more than
    compute, RuntimeError for what is no archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(record.file_size for record in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise RuntimeError(f"it is no archive: {error}") from error
    if unpacked > path.stat().st_size + _UNPACKED:
        raise ModelError(
            f"the model {path} would unpack to {unpacked / 2**20:.0f} MiB: use one you trust"
        )
    # torch's own reader: where two would read a damaged archive differently, its view counts.
    reader = torch._C.PyTorchFileReader(str(path))
    for name in reader.get_all_records():
        if not name.endswith((".py", ".pkl")) or name.endswith(".debug_pkl"):
            continue
        found = _REACHES_OUT.search(bytes(reader.get_record(name)))
        if found is not None:
            what = re.sub(r"\s", "", found[0].decode("ascii", "replace"))
            raise ModelError(
                f"the model {path} wants to do more than compute ({what} in {name}): "
                "use one you trust"
            )
