"""``video -``: a clip from a pipe, its result into another."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from bgblur.errors import UsageError
from bgblur.media.piped_input import PipedInput
from bgblur.media.piped_output import Format, PipedOutput

PIPE = Path("-")


@dataclass(frozen=True)
class Pipes:
    """What takes the place of a job's source and target where they are "-"."""

    source: PipedInput | None = None
    target: PipedOutput | None = None


NONE = Pipes()


def standard_pipes(source: Path, target: Path, kind: Format | None) -> Pipes:
    """This process's own input and output, where the names ask for them. Raises UsageError.

    From then on the output is the clip's alone: what anything else prints goes to the errors."""
    if kind is not None and target != PIPE:
        raise UsageError("--format is for -: elsewhere the name's ending says it")
    return Pipes(
        _standard_input() if source == PIPE else None,
        PipedOutput(_standard_output(), kind or "mkv") if target == PIPE else None,
    )


def _standard_input() -> PipedInput:
    try:
        if os.isatty(0):
            raise UsageError("- reads a clip, which no terminal gives: add < IN")
        if sys.platform == "win32":
            import msvcrt

            msvcrt.setmode(0, os.O_BINARY)
        return PipedInput(0)
    except OSError as error:
        raise UsageError("cannot read -: there is no input; add < IN") from error


def _standard_output() -> int:
    if os.isatty(1):
        raise UsageError("- writes a clip, which a terminal cannot show: add > OUT.mkv")
    try:
        clip = os.dup(1)
    except OSError as error:
        raise UsageError("cannot write -: there is no output; add > OUT.mkv") from error
    os.dup2(2, 1)
    return clip
