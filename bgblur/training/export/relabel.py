"""Replaces the contract in a model's archive; every other record keeps its bytes."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile, ZipInfo

from bgblur.segmentation.contract import CONTRACT_FILE, Contract, contract_of

_ALIGNED = 64  # bytes: torch's own archives have each record start at a multiple of it
_HEADER = 30  # bytes of a zip record's header before its name
_EXTRA = b"FB"  # the field that torch pads with


def relabel(model: Path, target: Path, contract: Contract) -> None:
    """Write ``model`` with another ``contract`` to ``target``. Raises ModelError.

    Tracing the network again would change its file, and an int8 model cannot be traced again.
    """
    contract_of(model)  # raises where it is not a model
    with ZipFile(model) as source, ZipFile(target, "w") as made:
        for old in source.infolist():
            content = source.read(old)
            if old.filename.endswith(f"/extra/{CONTRACT_FILE}"):
                content = contract.dumps().encode()
            record = ZipInfo(old.filename, old.date_time)
            record.compress_type = old.compress_type
            assert made.fp is not None
            begin = made.fp.tell() + _HEADER + len(old.filename.encode()) + len(_EXTRA) + 2
            padding = -begin % _ALIGNED
            record.extra = _EXTRA + padding.to_bytes(2, "little") + bytes(padding)
            made.writestr(record, content)
            record.extra = b""  # the padding belongs before the record, not into the directory
