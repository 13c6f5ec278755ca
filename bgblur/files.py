"""File names as users write them, in a configuration, on a page or on the command line."""

from __future__ import annotations

from pathlib import Path

from bgblur.errors import BgblurError, UsageError

_SHOWN = 60  # characters of a name that is none


def user_path(text: str, kind: type[BgblurError] = UsageError) -> Path:
    """``text`` with its ``~`` expanded; whether there is such a file is for the caller to see.

    Raises ``kind`` where no file can be called that, or it may not be looked at: of those,
    ``Path.is_file`` and its like raise what they like.
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
