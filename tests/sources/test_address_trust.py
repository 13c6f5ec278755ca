"""Cameras that ask by Digest, and those whose certificate has to be trusted: real servers."""

from __future__ import annotations

import io
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from support.network.asking import pictures, refused
from support.network.certificates import plain, self_signed
from support.network.mjpeg_server import WIDTH, MjpegServer, _Handler
from support.network.rtsp_server import RtspServer

from bgblur.config.settings import CameraSettings
from bgblur.errors import CameraError, CameraGoneError, CameraRefusedError
from bgblur.pipeline.build import of_device
from bgblur.sources import address as module
from bgblur.sources import certificates
from bgblur.sources.certificates import tls_options


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may answer late."""
    monkeypatch.setattr(module, "OPENS_WITHIN", 30.0)
    monkeypatch.setattr(module, "READS_WITHIN", 30.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def camera(folder: Path) -> Iterator[MjpegServer]:
    """Its certificate is for its address."""
    server = MjpegServer(certificate=self_signed(folder / "camera.pem", "IP:127.0.0.1"))
    yield server
    server.stop()


def test_the_password_by_digest() -> None:
    camera = MjpegServer()
    try:
        assert pictures(camera.url("/digest", "me:s3cret@")) == WIDTH
        assert type(refused(camera.url("/digest", "me:s3cretwr0ng@"))) is CameraRefusedError
        assert type(refused(camera.url("/digest"))) is CameraRefusedError
    finally:
        camera.stop()


def test_a_certificate_that_nobody_trusts(camera: MjpegServer) -> None:
    before, address = camera.asked, camera.url("/digest", "me:s3cret@")
    error = refused(address)
    assert "not trusted (self-signed certificate)" in str(error)
    assert "camera.certificate" in str(error)
    assert error.retry_after > 0
    assert camera.asked == before  # it got no request, so no password
    assert pictures(address, "any") == WIDTH


def test_a_certificate_that_a_file_holds(camera: MjpegServer, folder: Path) -> None:
    address = camera.url("/digest", "me:s3cret@")
    assert pictures(address, folder / "camera.pem") == WIDTH
    other = self_signed(folder / "other.pem", "IP:127.0.0.1")
    assert "not trusted" in str(refused(address, other))
    assert "(there is no certificate in it)" in str(refused(address, folder / "camera.key"))
    assert "(No such file or directory)" in str(refused(address, folder / "none.pem"))


def test_the_cameras_own_certificate_need_not_be_for_its_address(folder: Path) -> None:
    own, other = self_signed(folder / "own.pem"), self_signed(folder / "alike.pem")
    camera = MjpegServer(certificate=own)
    try:
        assert pictures(camera.url("/live"), own) == WIDTH
        assert "not trusted" in str(refused(camera.url("/live"), other))
    finally:
        camera.stop()
    assert type(refused(camera.url("/live"))) is CameraGoneError


@pytest.mark.parametrize("strict", [False, True], ids=["as Python 3.11", "as Python 3.13"])
@pytest.mark.parametrize("signed", [False, True], ids=["by itself", "by its vendor"])
def test_an_old_cameras_certificate_may_be_plain(
    folder: Path, monkeypatch: pytest.MonkeyPatch, signed: bool, strict: bool
) -> None:
    own = plain(folder / "plain.pem", plain(folder / "vendor.pem") if signed else None)
    make, flags = ssl.create_default_context, ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN

    def made(**options: Any) -> ssl.SSLContext:
        context = make(**options)
        context.verify_flags &= ~flags
        context.verify_flags |= flags if strict else 0
        return context

    monkeypatch.setattr(ssl, "create_default_context", made)
    camera = MjpegServer(certificate=own)
    try:
        assert pictures(camera.url("/live"), own) == WIDTH
    finally:
        camera.stop()


def test_an_authoritys_certificate_has_to_be_for_the_address(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system trusts may be for any other server."""
    monkeypatch.setenv("SSL_CERT_FILE", str(self_signed(folder / "alien.pem", "DNS:else.where")))
    camera = MjpegServer(certificate=folder / "alien.pem")
    try:
        assert "IP address mismatch" in str(refused(camera.url("/live")))
        monkeypatch.setenv("SSL_CERT_FILE", str(self_signed(folder / "right.pem", "IP:127.0.0.1")))
        camera.stop()
        camera = MjpegServer(certificate=folder / "right.pem")
        assert pictures(camera.url("/live")) == WIDTH
    finally:
        camera.stop()


def test_the_systems_authorities_are_found_by_a_python_that_does_not_know_their_file(
    folder: Path, camera: MjpegServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "none.pem"))
    assert ssl.get_default_verify_paths().cafile is None
    bundles = (str(folder / "none.pem"), str(folder / "camera.pem"))
    monkeypatch.setattr(certificates, "_BUNDLES", bundles)
    assert pictures(camera.url("/live")) == WIDTH
    monkeypatch.setattr(certificates, "_BUNDLES", bundles[:1])
    assert "ca_file" not in tls_options("https://camera/live", "trusted")


def test_a_playlist_names_pictures_that_nobody_checks(
    camera: MjpegServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = io.BytesIO()
    with av.open(memory, "w", format="mpegts") as part:
        stream = part.add_stream("mpeg2video", 25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, 96, "yuv420p"
        for frame in [*(av.VideoFrame(WIDTH, 96, "yuv420p") for _ in range(25)), None]:
            part.mux(stream.encode(frame))
    head = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n"
    playlist = head + b"".join(b"#EXTINF:1,\n/%d.ts\n" % number for number in range(3))
    for number in range(3):
        monkeypatch.setitem(_Handler.other, f"/{number}.ts", ("video/mp2t", memory.getvalue()))
    monkeypatch.setitem(_Handler.other, "/m3u8", ("application/vnd.apple.mpegurl", playlist))
    concat = b"ffconcat version 1.0\nfile 0.ts\nfile 1.ts\n"
    monkeypatch.setitem(_Handler.other, "/concat", ("text/plain", concat))
    for path in ("/m3u8", "/concat"):
        before = camera.asked
        assert "it is a playlist" in str(refused(camera.url(path), folder / "camera.pem"))
        assert camera.asked == before + 1, "nothing that it names is asked for"
    assert pictures(camera.url("/m3u8"), "any") == WIDTH
    odd = refused("https://127.0.0.1:99999/live", folder / "camera.pem")
    assert type(odd) is CameraGoneError


def test_where_a_camera_leads_to_is_checked_too(
    camera: MjpegServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "camera.pem"
    other, open_one = MjpegServer(certificate=self_signed(folder / "evil.pem")), MjpegServer()
    leads = {
        "/same": "/live?as=before",
        "/twice": camera.url("/same"),
        "/evil": other.url("/live"),
        "/open": open_one.url("/live"),
        "/round": "/round",
    }
    monkeypatch.setattr(_Handler, "leads", leads)
    try:
        assert pictures(camera.url("/same"), file) == WIDTH
        assert pictures(camera.url("/twice?and=more"), file) == WIDTH
        assert "not trusted" in str(refused(camera.url("/evil"), file))
        assert "shows no certificate" in str(refused(camera.url("/open"), file))
        assert "from one address to the next" in str(refused(camera.url("/round"), file))
        assert other.asked == open_one.asked == 0
        for path in ("/same", "/evil", "/open"):
            assert pictures(camera.url(path), "any") == WIDTH
    finally:
        other.stop()
        open_one.stop()
    own = self_signed(folder / "unnamed.pem")
    unnamed = MjpegServer(certificate=own)
    try:
        assert pictures(unnamed.url("/same"), own) == WIDTH
    finally:
        unnamed.stop()


@pytest.mark.parametrize("scheme", ["http", "https", "rtsp", "rtsps"])
@pytest.mark.parametrize("certificate", ["trusted", "any", "file"])
def test_ffmpeg_is_told_whether_to_check(
    folder: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, certificate: str
) -> None:
    """What it does of its own accord depends on its version."""
    given: list[dict[str, str]] = []

    def opened(_: str, container_options: dict[str, str], **__: object) -> None:
        given.append(container_options)
        raise av.InvalidDataError(0, "")

    monkeypatch.setattr(av, "open", opened)
    system = self_signed(folder / "system.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    file = folder / "camera.pem"
    with pytest.raises(CameraError):
        pictures(f"{scheme}://127.0.0.1:1/", file if certificate == "file" else certificate)
    checked = scheme in ("https", "rtsps") and certificate != "any"
    (options,) = given
    assert options.get("tls_verify") == ("1" if checked else "0" if certificate == "any" else None)
    assert ("tls" in options["protocol_whitelist"].split(",")) == (checked or certificate == "any")
    known = {"trusted": str(system), "file": str(file)}
    assert options.get("ca_file") == (known[certificate] if checked else None)


def test_rtsp_with_both(folder: Path, tmp_path: Path) -> None:
    own = self_signed(folder / "rtsp.pem", "IP:127.0.0.1")
    server = RtspServer(tmp_path, "red", own)
    address = f"127.0.0.1:{server.port}/live"
    try:
        assert "self-signed" in str(refused(f"rtsps://me:s3cret@{address}"))
        assert type(refused(f"rtsps://me:s3cretwr0ng@{address}", own)) is CameraRefusedError
        assert pictures(f"rtsps://me:s3cret@{address}", own) == 160
        assert pictures(f"rtsps://me:s3cret@{address}", "any") == 160
    finally:
        server.close()


def test_an_edit_opens_the_cameras_again_that_it_concerns() -> None:
    for device, again in (("https://camera/live", True), ("0", False)):
        before = CameraSettings(device=device)
        after = before.model_copy(update={"certificate": "any"})
        assert (of_device(after) != of_device(before)) == again
