from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("support")  # before any of it is imported

from support.fuzzing import FACTOR  # noqa: E402

from bgblur.environment import prepare_process  # noqa: E402

prepare_process()  # tests run the parts as the command line does
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores SIGINT, and so would all its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# The suite tries the same inputs each time, and a slow machine may take its time for them.
settings.register_profile("suite", derandomize=FACTOR == 1, deadline=None)
settings.load_profile("suite")


def pytest_runtest_setup() -> None:
    """What a test draws without a seed of its own does not depend on chance, nor on other tests."""
    import numpy as np

    random.seed(0)
    np.random.seed(0)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def data() -> Path:
    """Clips and photos that are not part of the project: too large, or not free enough."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs clips that are not part of the project, in {folder}")
    return folder


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Compiled models go to one folder for all tests and their processes, never the real user's.
    Many sessions in a row share it where the variable names one."""
    chosen = os.environ.get("BGBLUR_TESTS_CACHE")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Tests never touch the real user's folders."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        patch.setenv("PIPEWIRE_REMOTE", str(home / "no-pipewire"))
        yield home


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the counts of the tests in ``faults``, if they ran."""
    if (tally := sys.modules.get("support.faults.tally")) is not None:
        terminalreporter.write_line(str(tally.TALLY))
