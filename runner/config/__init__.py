"""The configuration of a run: its models, and how a file is read and checked."""
