"""The command lines of the scripts for training, evaluation and recording."""
