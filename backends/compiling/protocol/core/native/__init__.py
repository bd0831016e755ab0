"""Native programs: how they are lowered to a device and scored, what their signs are."""
