"""The physics of encrypted cloning: circuits, exact predictions, estimators, published tables.

Knows no provider and no device.
"""
