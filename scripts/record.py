#!/usr/bin/env python3
"""Take pictures of yourself to train on: scripts/record.py my_pictures --plate."""

from bgblur.training.commands.record import main

if __name__ == "__main__":
    main()
