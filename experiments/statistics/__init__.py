"""From counts to values with honest errors."""
