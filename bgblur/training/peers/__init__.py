"""bgblur beside other programs that do the same: the same frames, on the same machine, at once."""
