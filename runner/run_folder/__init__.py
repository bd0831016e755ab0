"""The run folder: everything about a run, on any machine, without the program."""
