#!/usr/bin/env python3
"""Train the network: scripts/train.py --config configs/training/unet-resnet18.toml --data DIR."""

from bgblur.training.commands.train import main

if __name__ == "__main__":
    main()
