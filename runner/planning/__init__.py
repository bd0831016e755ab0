"""From a configuration to circuits, predictions and costs."""
