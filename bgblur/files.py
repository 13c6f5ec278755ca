"""Files: names as users write them, files that are replaced whole or not at all, and files that
never take the place of another."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from bgblur.errors import BgblurError, UsageError

IfExists = Literal["refuse", "replace", "number"]
"""What a new file does where one of its name exists: none is written, the old one is replaced, or
the new one gets the first free name of talk.mp4, talk-2.mp4, talk-3.mp4."""

_SHOWN = 60  # characters of a name in a message


def user_path(text: str, kind: type[BgblurError] = UsageError) -> Path:
    """``text`` as a path, with its ``~`` expanded. The file need not exist.

    Raises ``kind`` where no file can have this name, or the user may not ask for it: for those,
    ``Path.is_file`` and its like raise different errors.
    """
    try:
        path = Path(text).expanduser()
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return path
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        shown = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
        raise kind(f"cannot use {shown}: {reason}; check the name") from None
    return path


def refuse_existing(*paths: Path | None, overwrite: bool = False) -> None:
    """Raises UsageError if one of ``paths`` exists, before work is spent on it; skips None.

    It only saves work: another program may make the file meanwhile. ``create_new``, ``put`` and
    ``replacing`` decide."""
    for path in paths:
        if path is not None and not overwrite and os.path.lexists(path):
            raise exists_already(path)


def exists_already(path: Path) -> UsageError:
    """The one line for a file that would be lost."""
    return UsageError(
        f"{path} exists already: choose another name; --overwrite (overwrite=True) replaces it"
    )


def behind_link(path: Path) -> Path:
    """Where a file that replaces ``path`` belongs: a link stays, and what it names is replaced."""
    return path.resolve() if path.is_symlink() else path


def create_new(path: Path, *, numbered: bool = False) -> Path:
    """Create an empty file that nothing and nobody else has made, and return its name.

    Raises UsageError if ``path`` exists; with ``numbered`` it is the first free one of talk.mp4,
    talk-2.mp4, talk-3.mp4 instead. Raises OSError where it cannot be written.
    """
    number, name = 1, path
    while True:
        try:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            if not numbered:
                raise exists_already(path) from None
            number += 1
            name = path.with_name(f"{path.stem}-{number}{path.suffix}")
        else:
            return name


def put(unfinished: Path, path: Path, if_exists: IfExists) -> Path:
    """Rename ``unfinished`` to ``path``, or as ``if_exists`` says, and return the name it has now.

    Raises UsageError if ``path`` exists and must not be replaced, OSError where it cannot be done.
    """
    if if_exists == "replace":
        unfinished.replace(path)
        return path
    # Renaming alone replaces without asking, on most systems; this file is our own.
    free = create_new(path, numbered=if_exists == "number")
    try:
        unfinished.replace(free)
    except BaseException:
        with suppress(OSError):
            free.unlink()
        raise
    return free


@contextmanager
def replacing(
    path: Path, *, private: bool = False, durable: bool = True, overwrite: bool = True
) -> Iterator[Path]:
    """Yield a new, empty file beside ``path``; it takes the place of ``path`` when the block ends.

    Readers see the old file or the new one, never half of it. If the block raises, the old file
    stays and the new one is removed. An existing file keeps its mode; without one, ``private``
    gives the file to the user alone (0600). A link at ``path`` is replaced, not followed.

    Without ``overwrite`` it raises UsageError if ``path`` exists by then.
    ``durable`` waits until the disk has the file, so that a power cut does not leave an empty one.
    Raises OSError where the file cannot be written.

    >>> import tempfile
    >>> figures = Path(tempfile.mkdtemp()) / "figures.txt"
    >>> with replacing(figures) as unfinished:
    ...     _ = unfinished.write_text("42")
    >>> figures.read_text()
    '42'
    """
    kept = _mode(path)
    unfinished = unfinished_name(path, ".tmp")
    # Nobody else may open it before it has its final mode.
    mode = 0o600 if private or kept is not None else 0o666
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    try:
        yield unfinished
        if durable:
            with unfinished.open("rb+") as file:  # Windows flushes only what is open for writing
                os.fsync(file.fileno())
        if kept is not None:
            unfinished.chmod(kept)
        put(unfinished, path, "replace" if overwrite else "refuse")
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` with ``text`` in UTF-8, see ``replacing``. Raises OSError.

    A new file, and its folder, are the user's alone.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with replacing(path, private=True) as unfinished:
        unfinished.write_bytes(text.encode())


def unfinished_name(path: Path, suffix: str) -> Path:
    """A new hidden name beside ``path`` for a file that this process is still writing."""
    return path.with_name(f"{_prefix(os.getpid())}{secrets.token_hex(4)}{suffix}")


def remove_unfinished(folder: Path, process: int) -> None:
    """Remove the unfinished files that a process left in ``folder``. Call it after its end."""
    with suppress(OSError):
        for file in folder.glob(f"{_prefix(process)}*"):
            file.unlink(missing_ok=True)


def _prefix(process: int) -> str:
    return f".bgblur-{process}-"


def _mode(path: Path) -> int | None:
    """The permissions of a regular file; a link has none to keep."""
    try:
        found = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stat.S_IMODE(found) if stat.S_ISREG(found) else None


def _sync_folder(folder: Path) -> None:
    """The file is in place already: a file system that cannot sync folders is no failure."""
    with suppress(OSError):  # Windows does not open folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
