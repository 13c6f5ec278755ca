"""``image -``: a picture from a pipe, its result as a PNG into another."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import BinaryIO

from bgblur.errors import OutputError, UsageError
from bgblur.offline.images import Process, blur_images

_LARGEST = 2**30  # bytes, as of a file


def blur_piped(source: BinaryIO, target: BinaryIO, save: frozenset[str], process: Process) -> None:
    """Read a picture of any kind from ``source`` and write the one kind in ``save`` to ``target``.

    Nothing is written unless all went well. Raises UsageError, ModelError, OutputError.
    """
    if len(save) != 1:
        raise UsageError("- writes one picture: give --save one kind, or --out-dir and a file")
    if target.isatty():
        raise UsageError("- writes a PNG, which a terminal cannot show: add > OUT.png")
    data = source.read(_LARGEST + 1)
    if not data:
        raise UsageError("cannot read -: nothing came in; pipe a picture into it")
    if len(data) > _LARGEST:
        raise UsageError("cannot read -: it is too large for a picture")
    with tempfile.TemporaryDirectory(prefix="bgblur-") as name:  # for the user alone
        photo = Path(name) / "picture"
        photo.write_bytes(data)
        report = blur_images([photo], Path(name) / "out", save, process)
        if report.problems:
            raise UsageError(report.problems[0].replace(str(photo), "-"))
        result = report.written[0].read_bytes()
    try:
        target.write(result)
        target.flush()
    except OSError as error:
        raise OutputError(
            f"cannot write to the pipe: {error.strerror}; its reader ended"
        ) from error
