"""How good a model is: figures, tables, sheets and the model card."""
