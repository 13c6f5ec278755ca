#!/usr/bin/env python3
"""Convert a fastai Learner: scripts/import_fastai.py learner.pkl model.ts."""

from bgblur.training.commands.import_fastai import main

if __name__ == "__main__":
    main()
