"""From all tasks done to a released milestone.

What lives here: what a milestone is called and which version it gets (`metadata`), whether it may be released
(`readiness`), its notes and its archive (values in, values out), and the steps of its release (`steps`, `release`).
What may not: dispatching, gates of single tasks, and any word to a forge but through `forges.releases`.
"""
