"""Forges with a REST API. One module a dialect; what they share is the transport below and the forge above them.

`hosting` says what a dialect answers; a dialect knows its forge's paths, words and status codes and decides nothing
about gates; `transport` knows HTTP and no forge.
"""
