"""Asks a camera on the network for a picture, as the daemon does."""

from __future__ import annotations

import pytest

from bgblur.config.settings import CameraSettings
from bgblur.errors import CameraError
from bgblur.pipeline.build import open_source


def pictures(address: str, certificate: object = "trusted") -> int:
    """The width of what the camera gives."""
    source = open_source(CameraSettings(device=address, certificate=str(certificate)))
    width = source.read().image.shape[1]
    source.close()
    return width


def refused(address: str, certificate: object = "trusted") -> CameraError:
    """The error, in one line and without the password."""
    with pytest.raises(CameraError) as caught:
        pictures(address, certificate)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    return caught.value
