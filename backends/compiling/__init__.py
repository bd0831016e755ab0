"""From logical circuits to native ones, each with a certificate."""
