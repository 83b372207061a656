"""The composition root: settings become objects here and nowhere else.

What lives here: what is made of which settings, module by module. What may not: what those objects do. This file
imports nothing, so that a command pays only for what it needs.
"""
