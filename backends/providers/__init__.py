"""Providers of processors and simulators, one folder each."""
