"""Rails to workers that the daemon does not start itself: one contract, whatever carries the messages.

    offer ──▶ claim ──▶ grant ──▶ renew … ──▶ result ──▶ accepted | rejected(reason)

What lives here: the messages (`messages`, `wire`), what follows from each (`contract`, `answers`, pure), the daemon's
durable book of them (`book`), its side (`rail`) and the worker's (`worker`, `jobs`, `hands`), the port that carriers
implement (`transport`), its twin in memory (`memory`), and what makes any carrier lose and repeat things (`faults`).
What may not: a carrier's client, git, anything of `mosaic_daemon`. A carrier holds no truth: what is open is offered
again from the book under the same ids.
"""
