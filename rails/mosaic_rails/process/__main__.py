"""The shim's entry, run by its path: `python -I -S __main__.py HOME CWD STDIN LIMITS... ENVIRONMENT ARGV...`.

Isolated mode keeps the worker's environment (PYTHONPATH and the like) out of the shim, and so this package as well: it
is added behind the standard library. Only this file is compiled at every start; the rest comes from the bytecode cache.
"""

import sys

sys.path.append(__file__.rsplit("/", 3)[0])

from mosaic_rails.process.shim import main

main(sys.argv[1:])
