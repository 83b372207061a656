"""`python -m mosaic_daemon VERB`."""

import sys

from mosaic_daemon.cli import main

sys.exit(main())
