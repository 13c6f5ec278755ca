"""Which certificates of cameras on the network are let in, and why one is not.

FFmpeg checks them, while it connects. It gives no reason where it refuses one: then the camera is
asked once more, by Python, which knows more about certificates.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import av

from bgblur.addresses import scheme_of
from bgblur.errors import CameraError
from bgblur.files import user_path

_PORTS = {"https": 443, "rtsps": 322}  # of addresses with a certificate
# What the server names in turn, as a playlist does, may not be a file of this computer.
_OPEN = "http,httpproxy,crypto,tcp,udp,rtp,srtp,rtsp"
_LOOKS_AT = 1 << 16  # bytes of a playlist
_ANSWERS_WITHIN = 2.0  # seconds
_SENDS_ON = {301, 302, 303, 307, 308}  # statuses of HTTP
# FFmpeg's formats that name other addresses.
_NAME_OTHERS = {"concat", "dash", "hls", "imf", "sdp", "vobsub", "webm_dash_manifest"}
# Where systems keep their authorities. A Python that was not made for the system does not know the
# file, only the folder, which FFmpeg does not take.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def checks(address: str, certificate: str) -> bool:
    """Whether ``camera.certificate`` has the camera at ``address`` show its certificate."""
    return scheme_of(address) in _PORTS and certificate != "any"


def tls_options(address: str, certificate: str) -> dict[str, str]:
    """What FFmpeg needs to keep ``camera.certificate``: whether it checks of its own accord depends
    on its version, and that of PyAV's wheels finds the system's authorities on some systems alone.

    What the camera names in turn and has a certificate is not asked: FFmpeg does not check it. See
    ``leads_to``.

    Raises CameraError for what cannot be the name of a file.
    """
    if certificate == "any":
        return {"tls_verify": "0", "protocol_whitelist": f"{_OPEN},https,rtsps,tls"}
    if not checks(address, certificate):
        return {"protocol_whitelist": _OPEN}
    file = _file(certificate) or _system_file()
    formats = ",".join(sorted(av.formats_available - _NAME_OTHERS))
    return {
        "tls_verify": "1",
        "protocol_whitelist": f"{_OPEN},https,rtsps,tls",
        "format_whitelist": formats,
        "max_redirects": "0",  # FFmpeg would follow to http:// as well
        **({"ca_file": file} if file else {}),
    }


def leads_to(address: str, certificate: str) -> str | None:
    """Where a camera by http:// or https:// sends who asks; None where it sends nobody on, or its
    certificate is not let in. No password is sent, but one goes on from http:// to https:// of the
    same host."""
    found = _answer(address, certificate).leads_to
    if not found:
        return None
    before, found = urlsplit(address.strip()), urljoin(address.strip(), found)
    after = urlsplit(found)
    if "@" in before.netloc and (before.scheme.lower(), before.hostname, after.scheme) == (
        *("http", after.hostname, "https"),
    ):
        secret, host = before.netloc.rpartition("@")[0], after.netloc.rpartition("@")[2]
        return after._replace(netloc=f"{secret}@{host}").geturl()
    return found


def names_checked(address: str, certificate: str) -> bool:
    """Whether what is at ``address``, which is without TLS, is a playlist of addresses with it."""
    return scheme_of(address) == "http" and _answer(address, certificate).names_checked


class _Answer(NamedTuple):
    """Where who asks is sent on to; whether the text is a playlist with https:// in it."""

    leads_to: str | None = None
    names_checked: bool = False


def _answer(address: str, certificate: str) -> _Answer:
    """What a camera by http:// or https:// answers without a password. Nothing where no certificate
    is let in, and where none is checked."""
    if certificate == "any" or scheme_of(address) not in ("http", "https"):
        return _Answer()
    asked = None
    try:
        parts = urlsplit(address.strip())
        asked = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=_ANSWERS_WITHIN
        )
        if checks(address, certificate):
            own = pinned_name(address, certificate) is not None
            asked.sock = _shown(address, certificate, any_name=own)
        path = parts._replace(scheme="", netloc="", fragment="").geturl()
        headers = {"Host": parts.netloc.rpartition("@")[2], "Connection": "close"}
        asked.request("GET", path or "/", headers=headers)
        with asked.getresponse() as answer:
            if answer.status in _SENDS_ON:
                return _Answer(answer.getheader("Location"))
            text = answer.read(_LOOKS_AT) if answer.peek(7).startswith(b"#EXTM3U") else b""
            return _Answer(None, b"https://" in text)
    except (OSError, ValueError, http.client.HTTPException):
        return _Answer()
    finally:
        if asked is not None:
            asked.close()


def distrust(address: str, certificate: str) -> str | None:
    """Why ``camera.certificate`` does not let in the camera at ``address``; None where that is not
    why it cannot be opened. No password is sent."""
    if not checks(address, certificate):
        return None
    try:
        _shown(address, certificate).close()
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not trusted ({error.verify_message.rstrip('.')})"
    except _UnusableFileError as error:
        return f"the file that camera.certificate names cannot be used ({error})"
    except (OSError, ValueError):
        pass
    return None


def pinned_name(address: str, certificate: str) -> str | None:
    """A name in the camera's certificate, if ``camera.certificate`` is a file that holds this very
    one: then it need not be made for the address, which cameras' own ones are not."""
    if not checks(address, certificate) or (file := _file(certificate)) is None:
        return None
    try:
        text = Path(file).read_text(encoding="ascii", errors="replace")
        held = {ssl.PEM_cert_to_DER_cert(found) for found in _PEM.findall(text)}
        with _shown(address, certificate, any_name=True) as connection:
            said, whole = connection.getpeercert() or {}, connection.getpeercert(True)
    except (OSError, ValueError):
        return None
    if whole not in held:
        return None
    subject = [pair for part in said.get("subject", ()) for pair in part]
    for kind, name in [*said.get("subjectAltName", ()), *subject]:
        if kind in ("DNS", "IP Address", "commonName"):
            return str(name)
    return None


class _UnusableFileError(ValueError):
    """Of certificates."""


def _shown(address: str, certificate: str, any_name: bool = False) -> ssl.SSLSocket:
    """A connection to the camera, which has shown its certificate. Raises OSError, ValueError for
    an odd address, and _UnusableFileError."""
    try:
        context = ssl.create_default_context(cafile=_file(certificate))
    except ssl.SSLError as error:
        raise _UnusableFileError("there is no certificate in it") from error
    except OSError as error:
        raise _UnusableFileError(error.strerror) from error
    context.check_hostname = not any_name
    # As FFmpeg has it, whatever this Python's defaults are: cameras' certificates are often old and
    # plain, and one that a vendor has signed may be named itself.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    parts = urlsplit(address.strip())
    host, port = parts.hostname or "", parts.port or _PORTS[scheme_of(address)]
    plain = socket.create_connection((host, port), _ANSWERS_WITHIN)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _system_file() -> str | None:
    """Of the system's authorities; None where FFmpeg has to find them itself."""
    file = ssl.get_default_verify_paths().cafile
    return file or next((path for path in _BUNDLES if Path(path).is_file()), None)


def _file(certificate: str) -> str | None:
    return None if certificate == "trusted" else str(user_path(certificate, CameraError))
