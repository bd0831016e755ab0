"""IBM Quantum behind the adapter contract, through qiskit-ibm-runtime itself."""
