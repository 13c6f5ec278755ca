from __future__ import annotations

import pytest

from bgblur.addresses import is_address, shown, without_secrets
from bgblur.errors import CameraError, one_line


@pytest.mark.parametrize(
    ("device", "public"),
    [
        ("rtsp://192.168.1.20", "rtsp://192.168.1.20"),
        ("RTSP://camera:8554/", "rtsp://camera:8554"),
        ("rtsp://me:s3cret@camera:8554/live", "rtsp://camera:8554/..."),
        ("rtsp://[fe80::1]:554/live", "rtsp://[fe80::1]:554/..."),
        ("http://camera/video?user=me&pwd=s3cret", "http://camera/..."),
        ("rtsp://camera/user=me_password=s3cret_channel=1", "rtsp://camera/..."),
        ("https://camera#s3cret", "https://camera/..."),
        (" http://me:s3cret@camera/", "http://camera"),
        ("rtsp://me:s3cret@s3cret@camera/", "rtsp://camera"),
        ("rtsp://me:s3/cret@camera/", "rtsp://..."),
        ("rtsp://s3cret@s/3cret@camera/", "rtsp://..."),
        ("rtsp://me:s3?cret@camera/", "rtsp://..."),
        ("rtsp://me:s3 cret@camera/", "rtsp://..."),
        ("rtsp:/me:s3cret@camera/live", "rtsp://camera/..."),
        ("me:s3cret@camera/live", "...@camera/live"),
        ("0", "0"),
        ("/dev/video0", "/dev/video0"),
        ("HD Pro Webcam", "HD Pro Webcam"),
        ("C:/clips/talk.mp4", "C:/clips/talk.mp4"),
    ],
)
def test_of_an_address_the_host_alone_is_shown(device: str, public: str) -> None:
    assert shown(device) == public
    assert shown(public) == public
    assert without_secrets(f'camera "{public}": no') == f'camera "{public}": no'
    if is_address(device) and not device.lstrip().startswith("http"):
        assert without_secrets(f'["{device}"]: no') == f'["{public}"]: no'


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("device = rtsp://me:s3cret@camera/a is", "device = rtsp://camera/... is"),
        ("rtsp://me:s3cr...", "rtsp://..."),
        ('rtsp://me:s3"cr et@camera/a: gone', "rtsp://...: gone"),
        (
            "see https://example.org/help, or http://c/?t=1.",
            "see https://example.org/help, or http://c/...",
        ),
    ],
)
def test_no_message_has_the_secret_parts(text: str, public: str) -> None:
    assert without_secrets(text) == public
    assert str(CameraError(text)) == public
    assert one_line(OSError(text)) == public
