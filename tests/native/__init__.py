"""Agent sessions of this machine: attached, given tasks, silent, full; and tools that only know files."""
