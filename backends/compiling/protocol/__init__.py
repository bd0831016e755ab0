"""A compiler that knows the protocol: dense trees, far keys, just-in-time pairs, one score."""
