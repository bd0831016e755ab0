"""Unused qubits of compiled circuits are read, and what they say decodes the shots."""
