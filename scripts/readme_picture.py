#!/usr/bin/env python3
"""Makes docs/before-after.png from the demo: the camera's picture, alpha, and what others see."""

from pathlib import Path

import cv2
import numpy as np

from bgblur.config.settings import Settings
from bgblur.offline.processor import Processor
from bgblur.sources.demo import DemoSource

TARGET = Path(__file__).parents[1] / "docs" / "before-after.png"


def main() -> None:
    before = DemoSource(1280, 720).picture(seconds=1.5)
    after, alpha = Processor(Settings(), stills=True)(before)
    matte = cv2.cvtColor(np.rint(255 * alpha).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    panels = [
        cv2.resize(p, (560, 315), interpolation=cv2.INTER_AREA) for p in (before, matte, after)
    ]
    gap = np.full((315, 8, 3), 255, np.uint8)
    TARGET.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(TARGET), np.hstack([panels[0], gap, panels[1], gap, panels[2]]))
    print(TARGET)


if __name__ == "__main__":
    main()
