"""From an accepted attempt to `done`: each step is probe, intent, act once, probe again, evidence."""

from mosaic_daemon.stages.gate.machine import advance, lease_holder, tidy
from mosaic_daemon.stages.gate.policy import GatePolicy, Look

__all__ = ["GatePolicy", "Look", "advance", "lease_holder", "tidy"]
