"""Several instances of the protocol: GHZ states of inputs, and clones of clones."""
