"""From a logical circuit to counts: device snapshots, compilation, noise, provider adapters."""
