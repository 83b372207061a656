"""The process rail: each attempt is a local process under a small shim that outlives the daemon.

Two programs share this package.

The *rail* runs in the daemon: `rail` (the port's implementation) and `records` (strict reading of an attempt's files).
They may import the whole standard library and `mosaic_rails.base`.

The *shim* runs beside every worker, started as `python -I -S __main__.py`: `shim` starts the worker, `supervise` stays
with it, on top of `home`, `proc`, `tree`, `log` and `stall`. These import light parts of the standard library only
(no json, re, dataclasses, typing, pathlib, subprocess): each of them would cost milliseconds at every start of a
worker, and all of them must be loaded before a long run, so that an upgrade of the package cannot mix versions.

    offer ──▶ order.json ──▶ shim: lock ──▶ pid.json ──▶ started (O_EXCL, fsync) ──▶ worker ──▶ exit.json (fsync)

`started` is the one arbiter: whoever creates it decides, for ever, whether the attempt runs (the shim) or never will
(a revoke that came first). `lock` is held for the shim's life, so a free lock beside `started` means: nobody watches.

This file stays empty of imports, because the shim loads it too.
"""
