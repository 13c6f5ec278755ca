"""Models made with fastai, read without running their pickles."""
