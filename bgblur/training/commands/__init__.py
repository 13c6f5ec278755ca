"""The command lines of scripts/train.py, evaluate.py and export.py."""
