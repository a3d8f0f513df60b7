"""`python -m posagent` is the `posagent` command."""

import sys

from posagent.cli import main

sys.exit(main())
