#!/usr/bin/env python3
"""Train the network: scripts/train.py --config configs/training/unet-resnet18.toml --data DIR."""

from bgblur.training.commands import run_train

if __name__ == "__main__":
    run_train()
