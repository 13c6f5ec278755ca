"""A small RTSP server (RFC 2326) over TCP: FFmpeg codes and packs the pictures, the server passes
its RTP packets on."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import threading
from pathlib import Path

from support.network.certificates import context_of
from support.network.digest import CHALLENGES, accepts

_PUBLIC = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
_BASIC = "Authorization: Basic bWU6czNjcmV0"  # me:s3cret


class RtspServer:
    """Sends ``colour``, at 25 pictures a second, as H.264, to one client at a time that knows the
    password. With a ``certificate`` (PEM) it speaks TLS, and asks by Digest."""

    def __init__(self, folder: Path, colour: str, certificate: Path | None = None) -> None:
        self._tls = None if certificate is None else context_of(certificate)
        self._packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._packets.bind(("127.0.0.1", 0))
        self._packets.settimeout(60)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._sdp = folder / "camera.sdp"
        source = f"color={colour}:size=160x120:rate=25"
        target = f"rtp://127.0.0.1:{self._packets.getsockname()[1]}?pkt_size=1200"
        self._coder = subprocess.Popen(
            [
                *("ffmpeg", "-loglevel", "error", "-re", "-f", "lavfi", "-i", source),
                *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "5"),
                *("-threads", "1", "-f", "rtp", "-sdp_file", str(self._sdp), target),
            ],
            stdin=subprocess.DEVNULL,
        )
        self._packets.recv(2048)  # the description is written by now
        self._packets.settimeout(0.5)
        self._closed = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._closed = True
        self._coder.kill()
        self._coder.wait()
        self._packets.close()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while not self._closed:
                client, _ = self._listening.accept()
                with client, contextlib.suppress(OSError):
                    if self._tls is None:
                        self._answer(client)
                    else:
                        self._answer(self._tls.wrap_socket(client, server_side=True))

    def _answer(self, client: socket.socket) -> None:
        lines = client.makefile("r", encoding="ascii", newline="\r\n")
        while request := lines.readline():
            method, headers = request.split()[0], ""
            while (line := lines.readline()).strip():
                headers += line
            found = re.search(r"(?i)CSeq: *(\d+)", headers)
            assert found is not None
            head = f"CSeq: {found[1]}\r\nSession: 1\r\n"
            if method != "OPTIONS" and not self._knows(method, headers):
                asked = ('Basic realm="camera"',) if self._tls is None else CHALLENGES
                head += "".join(f"WWW-Authenticate: {challenge}\r\n" for challenge in asked)
                client.sendall(f"RTSP/1.0 401 Unauthorized\r\n{head}\r\n".encode())
                continue
            body = ""
            if method == "OPTIONS":
                head += _PUBLIC
            elif method == "DESCRIBE":
                body = self._description()
                head += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            elif method == "SETUP":
                head += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            client.sendall(f"RTSP/1.0 200 OK\r\n{head}\r\n{body}".encode())
            if method == "PLAY":
                self._play(client)

    def _knows(self, method: str, headers: str) -> bool:
        if self._tls is None:
            return _BASIC in headers
        found = re.search(r"(?m)^Authorization: (.*?)\r?$", headers)
        return found is not None and accepts(found[1], method, "me", "s3cret")

    def _description(self) -> str:
        text = self._sdp.read_text(encoding="ascii").removeprefix("SDP:").strip()
        text = re.sub(r"m=video \d+ ", "m=video 0 ", text)
        return "\r\n".join([*text.splitlines(), "a=control:track", ""])

    def _play(self, client: socket.socket) -> None:
        """Until the client goes."""
        while not self._closed:
            try:
                packet = self._packets.recv(2048)
            except TimeoutError:
                continue
            client.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)
