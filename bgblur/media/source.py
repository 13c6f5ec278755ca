"""Opens clips, files and pipes, with FFmpeg."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import av
from av.container import InputContainer

from bgblur.media.piped_input import PipedInput

Source = Path | PipedInput
"""Where a clip comes from."""

# A playlist must not open addresses. Tags that are not UTF-8 must not prevent reading.
_ONLY_FILES = {"protocol_whitelist": "file"}


@contextmanager
def opened(source: Source, *, last: bool = False) -> Iterator[InputContainer]:
    """A clip, open for reading. ``last`` lets go of what a pipe gave, see ``PipedInput``.

    Raises FFmpegError and OSError."""
    if isinstance(source, Path):
        # "file:" keeps a colon in the name from being read as a protocol.
        with av.open(f"file:{source}", options=_ONLY_FILES, metadata_errors="replace") as container:
            yield container
        return
    with (
        closing(source.open(last=last)) as reader,
        av.open(reader, "r", options=_ONLY_FILES, metadata_errors="replace") as container,
    ):
        yield container


def is_whole(source: Source) -> bool:
    """Whether all of it can be looked through before it is used."""
    return isinstance(source, Path) or source.whole
