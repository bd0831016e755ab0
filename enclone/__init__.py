"""The public face: what notebooks and plugins import, and nothing else."""
