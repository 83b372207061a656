"""What the daemon talks about: frozen values and the pure function that moves them. No I/O, no clock, no settings."""
