"""Placement of several instances of the protocol on one device: GHZ states and clones of clones."""
