"""The simulators of the Amazon Braket SDK."""
