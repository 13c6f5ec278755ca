"""Tries the mutants of one module, each in a forked process: the heavy libraries are imported once,
not once a mutant."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import select
import signal
import sys
import time
from pathlib import Path

from cosmic_ray.mutating import _make_diff, mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

from support.mutation.session import TESTS_FAIL

_HEAVY = ("cv2", "torch", "hypothesis", "pytest", "watchfiles")


def main(results: str, module: str, which: str, *tests: str) -> int:
    """``which`` is "pending", or "survivors" to try those again, too."""
    from bgblur.environment import prepare_process

    prepare_process()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the tests and restores the module
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = (
        "1"  # to import them takes longer than most tests
    )
    for name in _HEAVY:
        importlib.import_module(name)
    path = Path(module)
    source = path.read_text("utf-8")
    began = time.monotonic()
    if not _pass(path, tests, 600):
        return TESTS_FAIL
    timeout = 20 + 3 * (time.monotonic() - began)
    with use_db(results, mode=WorkDB.Mode.open) as found:
        items = list(found.pending_work_items)
        if which == "survivors":
            items += [item for item, result in found.completed_work_items if _survived(result)]
        for item in items:
            (mutation,) = item.mutations
            operator = get_operator(mutation.operator_name)(**mutation.operator_args)
            mutant = mutate_code(source, operator, mutation.occurrence)
            if mutant is None:
                found.set_result(item.job_id, WorkResult(WorkerOutcome.NO_TEST))
                continue
            path.write_text(mutant, "utf-8")
            try:
                survived = _pass(path, tests, timeout)
            finally:
                path.write_text(source, "utf-8")
            outcome = TestOutcome.SURVIVED if survived else TestOutcome.KILLED
            diff = "\n".join(_make_diff(source, mutant, path))
            found.set_result(item.job_id, WorkResult(WorkerOutcome.NORMAL, "", outcome, diff))
    return 0


def _survived(result: WorkResult) -> bool:
    return result.test_outcome is TestOutcome.SURVIVED


def _pass(path: Path, tests: tuple[str, ...], timeout: float) -> bool:
    """Whether the tests pass within ``timeout`` seconds."""
    # Two mutants may have the same size and second: Python would take the compiled one before.
    Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _test(tests)
    waiting = os.pidfd_open(child)
    try:
        ended = bool(select.select([waiting], [], [], timeout)[0])
    finally:
        os.close(waiting)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # also what the tests started and left
        _, status = os.waitpid(child, 0)
    return ended and os.waitstatus_to_exitcode(status) == 0


def _test(tests: tuple[str, ...]) -> None:
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    status = 1
    try:
        import pytest

        sys.dont_write_bytecode = False
        status = pytest.main(["-x", "-p", "no:cacheprovider", *tests])
    finally:
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
