"""Amazon Braket: any gate-model processor it offers, and its local simulators."""
