"""The ways to a person: a command, a webhook, the desktop. Each sends one message or raises; none knows when or why."""
