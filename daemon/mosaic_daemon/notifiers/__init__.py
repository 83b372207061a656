"""The ways to a person: a command, a webhook, a Matrix room, the desktop.

Each sends one message or raises; none knows when or why.
"""
