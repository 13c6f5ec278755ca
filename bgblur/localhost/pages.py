"""Serves the files of a page, with the token in every link."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from starlette.responses import Response
from starlette.routing import Route

MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_ASSETS = Path(__file__).parent / "assets"
STYLE, ICON = _ASSETS / "page.css", _ASSETS / "icon.svg"  # shared by all pages


def page_routes(index: Path, files: Iterable[Path], token: str) -> list[Route]:
    """Routes for ``index`` at ``/`` and for each of ``files`` at its own name.

    Every ``%TOKEN%`` in them is replaced by ``token``: the files that a page loads need it too.
    The media type follows from a file's ending (MEDIA_TYPES).
    """
    return [
        _route("/", index, "text/html", token),
        *(_route(f"/{file.name}", file, MEDIA_TYPES[file.suffix], token) for file in files),
    ]


def _route(path: str, file: Path, media_type: str, token: str) -> Route:
    content = file.read_text("utf-8").replace("%TOKEN%", token)
    return Route(path, lambda _: Response(content, media_type=media_type))
