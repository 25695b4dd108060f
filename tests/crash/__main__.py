"""`python -m tests.crash`, which `make crash` runs."""

import sys

from tests.crash.campaign import main

sys.exit(main())
