#!/usr/bin/env python3
"""List near-duplicates in training data: scripts/find_duplicates.py --data DIR."""

from bgblur.training.commands.find_duplicates import main

if __name__ == "__main__":
    main()
