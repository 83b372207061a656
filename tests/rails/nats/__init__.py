"""NATS: its carrier, on a real server."""
