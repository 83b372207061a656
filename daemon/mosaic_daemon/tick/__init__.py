"""The tick, in parts that each know those before them: attempts, faces, gates, milestones.

What lives here: the order of a tick and what its parts share. What may not: a decision that a stage could make from
values alone.
"""

from mosaic_daemon.tick.tick import Tick

__all__ = ["Tick"]
