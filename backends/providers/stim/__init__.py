"""Stabilizer simulation by stim."""
