"""Leased attempts over NATS JetStream: a work queue of offers for each pool, and subjects that say who speaks.

    <prefix>.offer.<pool>.<daemon>.<attempt>          stream OFFERS, one message an attempt, one pull consumer a pool
    <prefix>.up.<daemon>.<worker>.<attempt>.<type>    stream UP, the newest of each, one pull consumer a daemon
    <prefix>.down.<worker>.<daemon>                   not stored: a worker asks again until it is answered

What lives here: the carrier and what it needs of a server. What may not: the contract (`leased`), anything that decides
who may have an attempt. NATS does not fence: an acknowledgement from an old delivery removes a message that another
worker holds. The daemon's book decides, and offers again what is open.

The server's permissions for each user are what makes the names in subjects true; docs/rails.md has them.
"""
