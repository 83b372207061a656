"""Rails: how attempts reach workers and how their ends come back.

What lives here: the port (`base`), its implementations (`process`, one subpackage or module each), and the in-memory
twin (`memory`) that tests and models script. What may not: anything of `mosaic_daemon`, any decision about tasks, any
truth that the daemon's ledger could not offer again. This file stays empty of imports: the process rail's shim loads
it at every start of a worker.
"""
