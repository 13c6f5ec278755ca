"""A server's side of Digest authentication (RFC 2617), for HTTP and RTSP."""

from __future__ import annotations

import re
from hashlib import md5

NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c0"
# As new cameras ask, with an older way beside the one that FFmpeg does not know.
_PARTS = f'Digest realm="camera", nonce="{NONCE}", qop="auth"'
CHALLENGES = f"{_PARTS}, algorithm=SHA-256", f"{_PARTS}, algorithm=MD5"


def accepts(header: str, method: str, user: str, password: str) -> bool:
    """Whether ``header`` (Authorization) proves the password."""
    pairs = re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)
    given = {key: quoted or bare for key, quoted, bare in pairs}
    if not header.startswith("Digest ") or given.get("nonce") != NONCE:
        return False
    secret = _md5(f"{user}:camera:{password}")
    asked = _md5(f"{method}:{given['uri']}")
    counted = f"{given['nc']}:{given['cnonce']}:auth:" if "qop" in given else ""
    right = given["response"] == _md5(f"{secret}:{NONCE}:{counted}{asked}")
    return right and given["username"] == user


def _md5(text: str) -> str:
    return md5(text.encode()).hexdigest()
