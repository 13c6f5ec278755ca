#!/usr/bin/env python3
"""Measure each --quality of image and video: scripts/file_quality.py --data DIR."""

from bgblur.training.commands.file_quality import main

if __name__ == "__main__":
    main()
