#!/usr/bin/env python3
"""How well hair is cut, by how alpha is enlarged: scripts/hair.py --data DIR."""

from bgblur.training.commands.hair import main

if __name__ == "__main__":
    main()
