#!/usr/bin/env python3
"""Make training data small for another machine: scripts/pack_data.py OUT --data DIR."""

from bgblur.training.commands.pack_data import main

if __name__ == "__main__":
    main()
