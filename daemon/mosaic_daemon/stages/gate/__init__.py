"""From an accepted attempt to `done`: each step is probe, intent, act once, probe again, evidence."""

from mosaic_daemon.stages.gate.machine import GatePolicy, advance, lease_holder

__all__ = ["GatePolicy", "advance", "lease_holder"]
