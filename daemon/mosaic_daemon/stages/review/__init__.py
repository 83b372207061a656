"""The independent review of an accepted attempt that changed code: between `collect` and `gate`.

`scope`: what is reviewed. `reviewers`: how reviewers are run. `reading`: what they say. `deciding`: what follows.
Nothing here merges, and nothing of a reviewer's checkout is ever taken in: its words are.
"""

from mosaic_daemon.stages.review.policy import ReviewPolicy
from mosaic_daemon.stages.review.stage import Look, Reviews, delivered

__all__ = ["Look", "ReviewPolicy", "Reviews", "delivered"]
