"""Simulation by Qiskit Aer."""
