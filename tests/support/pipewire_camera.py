"""Offers a grey camera until it is ended: pipewire_camera.py NAME WIDTH HEIGHT.

PipeWire's own test picture stops for good where a busy program is late to give its buffers back;
the cameras of real devices go on.
"""

from __future__ import annotations

import sys
import time

from bgblur.devices.pipewire.offer import CameraNode


def main(name: str, width: int, height: int) -> None:
    node = CameraNode(name, (width, height), 30)
    picture = memoryview(bytes([128]) * (width * height * 3 // 2))
    while True:
        node.show(picture)
        time.sleep(1 / 30)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
