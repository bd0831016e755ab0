"""The noise of a device: its schedule, exact predictions and shots."""
