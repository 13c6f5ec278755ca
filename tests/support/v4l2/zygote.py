"""Does the imports once, which take minutes under emulation; each request runs in a fork.

Nothing here may start a thread: a fork has only the one that forked.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

_MODULES = (
    "numpy",
    "cv2",
    "torch",
    "pyvirtualcam",
    "linuxpy.video.device",
    "bgblur.cli",
    "bgblur.daemon.daemon",
    "bgblur.devices.listing",
    "bgblur.segmentation.engine_torch",
    "bgblur.segmentation.matting",
    "bgblur.sinks.virtual_camera",
    "bgblur.sources.camera",
)


def main() -> None:
    requests, replies = os.fdopen(os.dup(0), "rb"), os.dup(1)
    os.dup2(2, 1)
    sys.path.insert(0, str(Path(__file__).parents[3]))  # this tree, whatever is installed
    for module in _MODULES:
        began = time.monotonic()
        __import__(module)
        print(f"{module}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    gc.freeze()  # so that collections in the forks do not copy every page
    for line in requests:
        _fork(json.loads(line), requests.fileno(), replies)


def _fork(request: dict[str, Any], requests: int, replies: int) -> None:
    """Fork twice: the middle process ends at once, so that the agent can wait for the child."""
    reader, writer = os.pipe()
    middle = os.fork()
    if middle:
        os.waitpid(middle, 0)
        os.write(replies, os.read(reader, 32))
        os.close(reader)
        os.close(writer)
        return
    child = os.fork()
    if child:
        os.write(writer, f"{child}\n".encode())
        os._exit(0)
    os.setsid()
    for name, descriptor in (("out", 1), ("err", 2)):
        file = os.open(f"{request['output']}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
        os.close(file)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for descriptor in (requests, replies, reader, writer):
        os.close(descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(request["env"])
    sys.argv = request["argv"]
    code = 1
    try:
        exec(compile(request["code"], "<host>", "exec"), {"__name__": "__main__"})
        code = 0
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
