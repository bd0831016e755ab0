"""Random changes of a layout of several instances."""
