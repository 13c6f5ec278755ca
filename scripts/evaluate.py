#!/usr/bin/env python3
"""Evaluate a model: scripts/evaluate.py MODEL.ts --data DIR."""

from bgblur.training.commands.evaluate import main

if __name__ == "__main__":
    main()
