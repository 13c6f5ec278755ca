"""Browsers that take PipeWire's camera through the desktop's portal."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from bgblur.frame import Image
from support.pipewire import Session, eventually
from support.web.browser import ARGUMENTS, CHROMIUM

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
_PORTAL = Path("/usr/libexec/xdg-desktop-portal")
# The portal offers cameras only where something can ask the user. Here nothing is ever asked.
_ASKS = """[portal]
DBusName=org.freedesktop.impl.portal.desktop.test
Interfaces=org.freedesktop.impl.portal.Access
UseIn=test
"""
_STORE = "org.freedesktop.impl.portal.PermissionStore"
_STORE_PATH = "/" + _STORE.replace(".", "/")
_PREFERENCES = """
user_pref("media.webrtc.camera.allow-pipewire", true);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.autoplay.default", 0);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
"""
# What the camera shows, five times a second.
_PAGE = b"""<!doctype html><video muted></video><canvas></canvas><script>
const post = (path, body) => fetch(path, {method: "POST", body});
(async () => {
  const [video, canvas] = document.body.children;
  video.srcObject = await navigator.mediaDevices.getUserMedia({video: true});
  await video.play();
  const [track] = video.srcObject.getVideoTracks();
  const context = canvas.getContext("2d", {willReadFrequently: true});
  for (;;) {
    const [width, height] = [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    context.drawImage(video, 0, 0);
    const {data} = context.getImageData(0, 0, width, height);
    await post(`/${width}/${height}/${track.label}/${track.readyState}`, data);
    await new Promise(done => setTimeout(done, 200));
  }
})().catch(error => post("/problem", String(error)));
</script>"""


def start_portal(session: Session) -> None:
    """The portal, which lets every program have the cameras. Skips where there is none."""
    if not (_PORTAL.exists() and shutil.which("gdbus")):
        pytest.skip("needs xdg-desktop-portal and gdbus (Debian: libglib2.0-bin)")
    portals = session.folder / "portals"
    portals.mkdir()
    (portals / "test.portal").write_text(_ASKS)
    session.env |= {"XDG_DESKTOP_PORTAL_DIR": str(portals), "XDG_CURRENT_DESKTOP": "test"}
    allow = ["gdbus", "call", "--session", "--dest", _STORE, "--object-path", _STORE_PATH]
    allow += ["--method", f"{_STORE}.SetPermission", "devices", "true", "camera", "", "['yes']"]
    subprocess.run(allow, env=session.env, check=True, capture_output=True, timeout=60)
    session.start(str(_PORTAL))


def chromium(folder: Path, address: str) -> list[str]:
    """Skips where there is none."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    return [
        *(CHROMIUM, "--headless=new", *ARGUMENTS, f"--user-data-dir={folder}"),
        *("--enable-features=WebRtcPipeWireCamera", "--use-fake-ui-for-media-stream", address),
    ]


def firefox(folder: Path, address: str) -> list[str]:
    """Skips where there is none."""
    if FIREFOX is None:
        pytest.skip("needs Firefox")
    folder.mkdir()
    (folder / "user.js").write_text(_PREFERENCES)
    return [FIREFOX, "--headless", "--no-remote", "--profile", str(folder), address]


@contextmanager
def browser(
    session: Session, folder: Path, command: Callable[[Path, str], list[str]]
) -> Iterator[Callable[[], Image]]:
    """The browser shows the camera "bgblur". Yields what waits for the next picture in it."""
    newest: deque[Image] = deque(maxlen=1)
    problems: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(_PAGE if self.path == "/" else b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(b"")
            if self.path == "/problem":
                problems.append(body.decode())
                return
            width, height, label, state = self.path[1:].split("/")
            if (label, state) != ("bgblur", "live"):
                problems.append(self.path)
            pixels = np.frombuffer(body, np.uint8).reshape(int(height), int(width), 4)
            newest.append(pixels[:, :, 2::-1])

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    def read() -> Image:
        newest.clear()
        eventually(lambda: newest or problems)
        assert not problems
        return newest[0]

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/"
        process = session.start(*command(folder, address))
        try:
            yield read
        finally:
            session.end(process)
            server.shutdown()
            thread.join()
