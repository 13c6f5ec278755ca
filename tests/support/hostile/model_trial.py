"""Loads and runs damaged models in a process of its own, which a damaged one may kill.

``python model_trial.py MODEL FIRST LAST`` prints a line a seed: refused, ran, failed, or what went
wrong in brackets.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from bgblur.config.settings import EngineSettings
from bgblur.errors import ModelError
from bgblur.pipeline.build import load_backend
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats
from support.mutants import mutant


def outcome(path: Path, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> str:
    try:
        settings = EngineSettings(model=str(path), device="cpu", input_height=96)
        backend = load_backend(settings, Stats(), fps=lambda: 30.0)  # as the daemon does
    except ModelError as error:
        return "refused" if str(error).isprintable() else f"[{error}]"
    except Exception as error:
        return f"[{type(error).__name__} at loading: {error!r}]"
    try:
        for _ in range(2):  # the second time its alpha is held
            _, alpha = backend.segment(image, MaskOptions())
    except RuntimeError:
        return "failed"  # the pipeline blurs the whole frame then
    except Exception as error:
        return f"[{type(error).__name__} at running: {error!r}]"
    alpha = np.asarray(alpha)
    sound = np.isfinite(alpha).all() and alpha.min() >= 0 and alpha.max() <= 1
    return "ran" if sound and alpha.shape == image.shape[:2] else "[no alpha]"


def main(model: Path, first: int, last: int) -> None:
    data = model.read_bytes()
    image = np.random.default_rng(0).integers(0, 255, (96, 160, 3)).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, last):
            path = Path(folder) / "model.ts"
            path.write_bytes(mutant(data, seed))
            print(seed, outcome(path, image), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
