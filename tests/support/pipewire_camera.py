"""Offers a grey camera until it is ended: pipewire_camera.py NAME WIDTH HEIGHT.

PipeWire's own test picture stops for good where a busy program is late to give its buffers back;
the cameras of real devices go on.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from bgblur.sinks import pipewire


def main(name: str, width: int, height: int) -> None:
    vars(pipewire)["LABEL"] = name
    sink = pipewire.PipeWireSink(width, height, 30)
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    while True:
        sink.publish(picture)
        time.sleep(1 / 30)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
