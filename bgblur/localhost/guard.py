"""Who may see the preview: only the browser on this machine that was given the address."""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bgblur.localhost.peer import is_ours

SAFETY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """Wraps the whole app: every path needs the token, our own Host, no foreign Origin, and a
    program of this user's: a browser has the address on its command line, for all to see.

    The token travels in the query and in no cookie: browsers send a cookie of 127.0.0.1 to
    every port of it, so it would be told to other local servers, and pages of theirs
    could use it here.
    """

    def __init__(self, app: ASGIApp, *, port: int, token: str) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SAFETY_HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        app = self._app if refusal is None else PlainTextResponse(refusal + "\n", 403)
        await app(scope, receive, send_safely)

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        # A foreign name that resolves to 127.0.0.1 (DNS rebinding) still shows in Host.
        if headers.get("host") not in self._hosts:
            return "Refused: open the preview at 127.0.0.1 or localhost."
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return "Refused: the request comes from another site's page."
        if not is_ours(scope["client"], scope["server"]):
            return "Refused: bgblur belongs to another user of this machine."
        token = QueryParams(scope["query_string"]).get("token", "")
        if not secrets.compare_digest(token.encode(errors="replace"), self._token):
            return "Refused: open the whole address that bgblur printed, with its token."
        return None
