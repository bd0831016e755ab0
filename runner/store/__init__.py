"""The memory of all runs: a database that survives the process, the machine and the network."""
