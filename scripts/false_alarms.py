#!/usr/bin/env python3
"""False alarms of the guard of live matting: scripts/false_alarms.py --data DIR."""

from bgblur.training.commands.false_alarms import main

if __name__ == "__main__":
    main()
