#!/usr/bin/env python3
"""Speed against accuracy of the models: scripts/benchmark.py --data DIR."""

from bgblur.training.commands.benchmark import main

if __name__ == "__main__":
    main()
