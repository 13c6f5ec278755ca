"""``python -m bgblur``: the same as ``bgblur-cam``."""

from bgblur.cli import main

main()
