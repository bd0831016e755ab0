"""Devices: calibration snapshots, and the documents that they are read from."""
