"""Refuses every request but those of the user's own browser on this machine."""

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
    """Wraps an app: a request for any path needs the token, our own Host, no foreign Origin, and
    a client program of the same user.

    The user is checked since a browser's command line shows the address to everybody. The token
    is sent in the query and not in a cookie: browsers send the cookies of 127.0.0.1 to all its
    ports, so other local servers would get it and their pages could use it here.
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
        # After DNS rebinding (a foreign name that resolves to 127.0.0.1) Host has that name.
        if headers.get("host") not in self._hosts:
            return "Refused: open this page at 127.0.0.1 or localhost."
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return "Refused: the request comes from a page of another site."
        if not is_ours(scope["client"], scope["server"]):
            return "Refused: bgblur belongs to another user of this machine."
        token = QueryParams(scope["query_string"]).get("token", "")
        if not secrets.compare_digest(token.encode(errors="replace"), self._token):
            return "Refused: open the whole address that bgblur printed, with its token."
        return None
