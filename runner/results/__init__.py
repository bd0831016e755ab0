"""The result row and its fields."""
