"""What a load test may be told by the environment."""

import os

RESIDENTS = int(os.environ.get("LOADTEST_RESIDENTS", "5000"))  # who take part; each races once
PLACES = int(os.environ.get("LOADTEST_PLACES", "500"))  # of the session they race for
