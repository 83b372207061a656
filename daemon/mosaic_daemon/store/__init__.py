"""The ledger: the daemon's own durable truth. Nothing else in the product writes to it."""
