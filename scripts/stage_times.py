#!/usr/bin/env python3
"""The processor time of each stage of a live frame: scripts/stage_times.py."""

from bgblur.training.commands.stage_times import main

if __name__ == "__main__":
    main()
