"""The application: configuration, planning, running, reporting, command line."""

__version__ = "0.1.0"
