#!/usr/bin/env python3
"""Empty rooms in five lights: scripts/dark_rooms.py --data DIR."""

from bgblur.training.commands.dark_rooms import main

if __name__ == "__main__":
    main()
