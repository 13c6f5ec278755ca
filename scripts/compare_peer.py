#!/usr/bin/env python3
"""bgblur beside MediaPipe on the same clips: scripts/compare_peer.py --data DIR."""

from bgblur.training.commands.compare_peer import main

if __name__ == "__main__":
    main()
