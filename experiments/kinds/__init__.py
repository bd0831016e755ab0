"""The published experiments and those that follow from them, one module a kind."""
