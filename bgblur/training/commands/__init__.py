"""The command lines of scripts/train.py, evaluate.py, export.py and import_fastai.py."""
