"""One machine for all tests of this folder; another one if it crashes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model
from support.v4l2.boot_image import LOOPBACKS
from support.v4l2.guest import Guest
from support.v4l2.machine import Machine
from support.v4l2.packages import UnavailableError

MACHINES = 3  # in all
MUST_RUN = os.environ.get("CI") == "true" and os.geteuid() == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test waits two minutes for torch, under emulation; all of them share the rest.

    An emulated processor on a busy machine may miss any time limit, so each has a second try.
    """
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def guests() -> Iterator[list[Guest]]:
    """The machines booted so far; the last is in use."""
    booted: list[Guest] = []
    try:
        yield booted
    finally:
        for guest in booted:
            guest.close()


@pytest.fixture
def guest(guests: list[Guest]) -> Guest:
    """The machine; a new one if the last has crashed, as its kernel or QEMU sometimes does."""
    if guests and (why := guests[-1].gone()) is not None:
        warnings.warn(f"the machine is gone, another is booted: {why}", stacklevel=1)
    elif guests:
        return guests[-1]
    if len(guests) == MACHINES:
        pytest.fail(f"{MACHINES} machines are gone")
    try:
        guests.append(Guest(Machine()))
    except UnavailableError as error:
        if MUST_RUN:
            raise
        pytest.skip(f"no V4L2 bench: {error}")
    guests[-1].warm()
    # The person is what is bright: a model as fast as emulation needs it.
    write_model(guests[-1].exchange / "tiny.ts", BRIGHT_AT_ITS_HEIGHT)
    return guests[-1]


@pytest.fixture(autouse=True)
def nothing_left_running(guest: Guest) -> Iterator[None]:
    """A module in use cannot be replaced for the next test."""
    yield
    if guest.gone() is None:
        guest.clear()


@pytest.fixture(params=LOOPBACKS)
def each_loopback(request: pytest.FixtureRequest, guest: Guest) -> str:
    """Each version of v4l2loopback in turn, loaded with one virtual camera; gives the version."""
    version: str = request.param
    load_or_skip(guest, version)
    return version


@pytest.fixture
def loopback(guest: Guest) -> str:
    """The newest version of v4l2loopback available, with one virtual camera."""
    return load_newest(guest, 20)


def load_or_skip(guest: Guest, version: str) -> None:
    try:
        guest.load_loopback(version)
    except UnavailableError as error:
        pytest.skip(f"no v4l2loopback {version}: {error}")


def load_newest(guest: Guest, *numbers: int) -> str:
    problems = []
    for version in reversed(LOOPBACKS):
        try:
            guest.load_loopback(version, *numbers)
        except UnavailableError as error:
            problems.append(f"{version}: {error}")
        else:
            return version
    if MUST_RUN:
        raise UnavailableError("; ".join(problems))
    pytest.skip("no v4l2loopback: " + "; ".join(problems))
