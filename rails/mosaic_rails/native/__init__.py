"""The native rail: agent sessions on this machine that take tasks and work in the directories the daemon prepares.

What lives here: the rail (`rail`), what it knows of attached sessions (`sessions`), and the inbox of files for tools
that speak no protocol (`inbox`). What may not: the protocol that sessions speak to the daemon, `mosaic_daemon`.
"""
