#!/usr/bin/env python3
"""Export a trained network: scripts/export.py RUN/last.ckpt MODEL.ts."""

from bgblur.training.commands.export import main

if __name__ == "__main__":
    main()
