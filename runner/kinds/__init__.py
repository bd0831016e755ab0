"""What the application knows of each kind of experiment."""
