"""Fixtures for tests of the preview's server; a module loads them with ``pytest_plugins``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.web.preview import Preview


@pytest.fixture
def preview() -> Iterator[Preview]:
    preview = Preview()
    yield preview
    preview.close()


@pytest.fixture(scope="module")
def shared_preview() -> Iterator[Preview]:
    preview = Preview()
    yield preview
    preview.close()
