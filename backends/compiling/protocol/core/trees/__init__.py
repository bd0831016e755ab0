"""Encryption and decryption on trees of neighbouring device qubits."""
