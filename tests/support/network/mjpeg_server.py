"""A camera on the network: pictures with a number in them as multipart JPEG, over HTTP."""

from __future__ import annotations

import base64
import contextlib
import io
import socket
import threading
import time
import wave
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import av
import cv2
import numpy as np

from bgblur.frame import Image
from support.network.certificates import context_of
from support.network.digest import CHALLENGES, accepts

BITS = 10
WIDTH, HEIGHT = 16 * BITS, 120
_BASIC = "Basic " + base64.b64encode(b"me:s3cret").decode()


@cache
def numbered(number: int) -> bytes:
    """A JPEG with ``number`` as black and white columns."""
    bits = [255 * (number >> bit & 1) for bit in range(BITS)]
    row = np.repeat(np.array(bits, np.uint8), WIDTH // BITS)
    done, data = cv2.imencode(".jpg", np.tile(row[None, :, None], (HEIGHT, 1, 3)))
    assert done
    return data.tobytes()


def number_in(image: Image) -> int:
    columns = image.reshape(image.shape[0], BITS, -1).mean((0, 2)) > 128
    return sum(1 << bit for bit in range(BITS) if columns[bit])


def _sound() -> bytes:
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    return memory.getvalue()


def _recording() -> bytes:
    memory = io.BytesIO()
    with av.open(memory, "w", format="matroska") as container:
        stream = container.add_stream("mjpeg", 25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuvj420p")))
        container.mux(stream.encode())
    return memory.getvalue()


class MjpegServer:
    """Serves the paths of ``_Handler`` until ``stop``; ``start`` serves them on the same port.

    ``sent`` is the number of the newest picture of ``/live``, ``watchers`` counts who has it open,
    ``asked`` all requests; ``quiet`` holds the pictures back. With a ``certificate`` (PEM) it
    speaks TLS.
    """

    def __init__(self, fps: float = 50.0, certificate: Path | None = None) -> None:
        self.fps = fps
        self._certificate = certificate
        self.sent = 0
        self.watchers = 0
        self.quiet = False
        self.asked = 0
        self._port = 0
        self.start()

    def start(self) -> None:
        self._connections: list[socket.socket] = []
        handler = type("Handler", (_Handler,), {"camera": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._port = self._server.server_port
        if self._certificate is not None:
            self._server.socket = context_of(self._certificate).wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def took(self, connection: socket.socket) -> None:
        self._connections.append(connection)

    def url(self, path: str, secret: str = "") -> str:
        scheme = "http" if self._certificate is None else "https"
        return f"{scheme}://{secret}127.0.0.1:{self._port}{path}"


class _Handler(BaseHTTPRequestHandler):
    camera: ClassVar[MjpegServer]
    other: ClassVar[dict[str, tuple[str, bytes]]] = {
        "/sound": ("audio/wav", _sound()),
        "/recording": ("video/x-matroska", _recording()),
        "/page": ("text/html", b"<html><body>a camera's settings</body></html>" * 50),
        "/empty": ("multipart/x-mixed-replace;boundary=next", b""),
        "/still": ("image/jpeg", numbered(7)),
    }

    leads: ClassVar[dict[str, str]] = {}  # paths, and where they send on to

    def do_GET(self) -> None:
        self.camera.took(self.connection)
        self.camera.asked += 1
        path, _, query = self.path.partition("?")
        if path == "/locked" and self.headers["Authorization"] != _BASIC:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
        elif path == "/digest" and not accepts(
            self.headers["Authorization"] or "", "GET", "me", "s3cret"
        ):
            self.send_response(401)
            for challenge in CHALLENGES:
                self.send_header("WWW-Authenticate", challenge)
            self.end_headers()
        elif path == "/token" and query != "token=hu5h":
            self.send_error(403)
        elif path in ("/live", "/locked", "/digest", "/token"):
            self.camera.watchers += 1
            with contextlib.suppress(OSError):
                self._stream()
            self.camera.watchers -= 1
        elif path in self.leads:
            self.send_response(302)
            self.send_header("Location", self.leads[path])
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path == "/silent":
            self.rfile.read(1)
        elif path in self.other:
            kind, body = self.other[path]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.send_error(404)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=next")
        self.end_headers()
        while True:
            if not self.camera.quiet:
                self.camera.sent = number = (self.camera.sent + 1) % (1 << BITS)
                jpeg = numbered(number)
                head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
            time.sleep(1 / self.camera.fps)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
