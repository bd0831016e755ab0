"""A simulated quantum cloud with a memory, a queue, a bill and every fault that clouds have."""
