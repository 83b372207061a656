"""The worker host: does attempts on this machine for daemons elsewhere.

What lives here: the hands that it does them with, running by the process rail and code by git (`hands`, `code`), and
the program around both (`host`). What may not: a carrier, the contract, anything of `mosaic_daemon`. How an agent is
called on this machine is told from outside.
"""
