"""What one and several instances of the protocol share: scores, trees, annealing, the cache."""
