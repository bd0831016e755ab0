"""What a kind of experiment consists of: its configuration section, its wording, its figure."""
