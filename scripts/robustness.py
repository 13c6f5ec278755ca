#!/usr/bin/env python3
"""IoU in bad light and bad pictures, by severity: scripts/robustness.py --model NAME --data DIR."""

from bgblur.training.commands.robustness import main

if __name__ == "__main__":
    main()
