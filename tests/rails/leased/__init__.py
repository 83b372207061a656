"""Leased rails: what follows from each message, and what holds over every carrier whatever it does to messages.

A new carrier adds a `Carrier` to `carriers.py` and its name to the fixture `carrier` in `conftest.py`.
"""
