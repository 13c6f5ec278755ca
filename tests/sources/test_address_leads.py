"""A camera without TLS that leads on, or names others: what has a certificate has to show it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.network.asking import pictures, refused
from support.network.certificates import self_signed
from support.network.mjpeg_server import WIDTH, MjpegServer, _Handler

from bgblur.sources import address as module


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may answer late."""
    monkeypatch.setattr(module, "OPENS_WITHIN", 30.0)
    monkeypatch.setattr(module, "READS_WITHIN", 30.0)


@pytest.fixture
def cameras(tmp_path: Path) -> Iterator[tuple[MjpegServer, MjpegServer, Path]]:
    """One without TLS, one with it, and the latter's certificate."""
    own = self_signed(tmp_path / "own.pem")
    plain, safe = MjpegServer(), MjpegServer(certificate=own)
    yield plain, safe, own
    plain.stop()
    safe.stop()


def test_a_certificate_counts_from_where_there_is_one(
    cameras: tuple[MjpegServer, MjpegServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, safe, own = cameras
    leads = {
        "/same": "/live?as=before",
        "/safe": safe.url("/live"),
        "/twice": "/safe",
        "/login": safe.url("/locked"),
        "/elsewhere": safe.url("/locked").replace("127.0.0.1", "localhost"),
        "/back": safe.url("/down"),
        "/down": plain.url("/live"),
    }
    monkeypatch.setattr(_Handler, "leads", leads)
    assert pictures(plain.url("/same"), "trusted") == WIDTH
    for path in ("/safe", "/twice"):
        assert "not trusted" in str(refused(plain.url(path)))
    assert safe.asked == 0, "it got no request"
    for path in ("/safe", "/twice"):
        assert pictures(plain.url(path), own) == pictures(plain.url(path), "any") == WIDTH
    assert pictures(plain.url("/login", "me:s3cret@"), own) == WIDTH
    assert "user name and password" in str(refused(plain.url("/elsewhere", "me:s3cret@"), own))
    assert "shows no certificate" in str(refused(plain.url("/back"), own))


def test_a_playlist_may_not_name_what_nobody_checks(
    cameras: tuple[MjpegServer, MjpegServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, safe, own = cameras
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
    playlist = (head + safe.url("/0.ts") + "\n").encode()
    monkeypatch.setitem(_Handler.other, "/m3u8", ("application/vnd.apple.mpegurl", playlist))
    monkeypatch.setattr(module, "OPENS_WITHIN", 2.0)  # FFmpeg tries until then
    assert "it is a playlist of addresses by https://" in str(refused(plain.url("/m3u8"), own))
    assert safe.asked == 0
