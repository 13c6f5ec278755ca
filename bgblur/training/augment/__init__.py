"""Training pictures made from photos, cut-outs and rooms."""
