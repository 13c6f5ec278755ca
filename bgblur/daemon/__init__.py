"""The running daemon: settings drive the pipeline, edits reach it live."""
