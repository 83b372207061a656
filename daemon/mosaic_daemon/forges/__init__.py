"""Where a change is merged and an issue is closed: one protocol, its implementations, and an in-memory twin."""
