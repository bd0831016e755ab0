"""From the outcomes of unused qubits to the likeliest correction of the clone."""
