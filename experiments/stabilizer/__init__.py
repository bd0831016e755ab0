"""Clifford circuits, stabilizer states and exact outcome laws."""
