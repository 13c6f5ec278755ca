"""``import bgblur`` leaves the process alone; the command line sets what its libraries read."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import pytest

from bgblur.environment import DEFAULTS

IMPORTED = """
import json, os, sys
before = dict(os.environ)
{statement}
names = before.keys() | os.environ.keys()
changed = {{name for name in names if before.get(name) != os.environ.get(name)}}
heavy = {{"cv2", "torch", "pydantic", "numpy", "av", "starlette"}} & set(sys.modules)
print(json.dumps([sorted(changed), sorted(heavy)]))
"""

STARTED = """
import json, os
from bgblur.{module}
print(json.dumps({{name: os.environ.get(name) for name in {names}}}))
"""


SPINNING = """
from bgblur.environment import prepare_process
prepare_process()
import time, torch
torch.set_num_threads(2)
plane = torch.zeros(400_000)
plane.add_(1)
began = time.process_time()
for _ in range(100):
    plane.add_(1)
    time.sleep(0.003)
print(time.process_time() - began)
"""


def in_a_new_process(code: str, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in DEFAULTS}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("statement", ["import bgblur", "import bgblur.cli"])
def test_an_import_changes_no_variable_and_loads_nothing_heavy(statement: str) -> None:
    assert json.loads(in_a_new_process(IMPORTED.format(statement=statement))) == [[], []]


@pytest.mark.parametrize(
    "start",
    [
        "cli import app, main\ntry: main()\nexcept SystemExit: pass",
        "training.commands.shell import run\ntry: run(lambda: None)\nexcept SystemExit: pass",
    ],
    ids=["bgblur-cam", "scripts"],
)
def test_a_program_sets_what_the_user_has_not(start: str) -> None:
    code = STARTED.format(module=start, names=list(DEFAULTS))
    code = "import sys\nsys.argv = ['name', '--help']\n" + code
    assert json.loads(in_a_new_process(code)) == DEFAULTS
    chosen = {"OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "9"}
    assert json.loads(in_a_new_process(code, **chosen)) == DEFAULTS | chosen


def test_python_m_bgblur_hands_them_to_its_children() -> None:
    """The tray, workers of --jobs and measured runs start as children."""
    code = """
import runpy, subprocess, sys
sys.argv = ["bgblur", "--version"]
try:
    runpy.run_module("bgblur", run_name="__main__")
except SystemExit:
    pass
child = "import json, os; print(json.dumps(dict(os.environ)))"
subprocess.run([sys.executable, "-c", child], check=True)
"""
    found = json.loads(in_a_new_process(code))
    assert {name: found.get(name) for name in DEFAULTS} == DEFAULTS


def test_threads_of_torch_sleep_while_they_wait() -> None:
    """They spun through 0.3 seconds of pauses; the additions take a hundredth."""
    assert float(in_a_new_process(SPINNING)) < 0.12


FAULTS = """
import resource
import numpy as np
from bgblur.environment import prepare_process
{prepare}
def faults(size):
    def frame():
        together = [np.ones(size, np.uint8) for _ in range(4)]
    frame()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        frame()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print([faults(size << 20) for size in (1, 6)])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_buffers_of_a_frame_are_not_asked_of_the_kernel_each_time() -> None:
    def faults(prepare: str) -> list[int]:
        found: list[int] = json.loads(in_a_new_process(FAULTS.format(prepare=prepare)))
        return found

    assert max(faults("prepare_process()")) < 500
    assert max(faults("")) > 5000  # new pages each time: 20 buffers of 256 or 1536 pages
