"""The worker host: real processes, real repositories, a carrier in memory."""
