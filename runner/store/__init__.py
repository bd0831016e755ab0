"""The database of all runs: points, circuits, submissions and counts."""
