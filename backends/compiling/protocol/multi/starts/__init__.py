"""Layouts from which a search of several instances starts."""
