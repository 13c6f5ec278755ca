"""Schemathesis against both pages' servers: what they answer is what was promised, never a 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance
from support.fuzzing import tries
from support.web import page_schemas
from support.web.served_pages import PAGES, Served, served

SCHEMAS = {"preview": page_schemas.PREVIEW, "recorder": page_schemas.RECORDER}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    with (
        served("preview", tmp_path_factory.mktemp("preview")) as preview,
        served("recorder", tmp_path_factory.mktemp("recorder")) as recorder,
    ):
        yield {"preview": preview, "recorder": recorder}


@pytest.mark.parametrize("page", PAGES)
def test_every_route_is_described(servers: dict[str, Served], page: str) -> None:
    one = servers[page]
    there = {(route.path, m) for route in one.routes for m in route.methods or () if m != "HEAD"}
    described = SCHEMAS[page]["paths"]
    assert there == {(path, m.upper()) for path, item in described.items() for m in item}


preview = schemathesis.openapi.from_dict(page_schemas.PREVIEW)
recorder = schemathesis.openapi.from_dict(page_schemas.RECORDER)


@preview.parametrize()
@tries(12)
def test_preview(case: Any, servers: dict[str, Served]) -> None:
    checked(case, servers["preview"])


@recorder.parametrize()
@tries(12)
def test_recorder(case: Any, servers: dict[str, Served]) -> None:
    checked(case, servers["recorder"])


def checked(case: Any, one: Served) -> None:
    case.call_and_validate(
        base_url=one.origin,
        params={"token": one.token},
        timeout=60,
        excluded_checks=[positive_data_acceptance],  # only what waits can be named, and what fits
    )
