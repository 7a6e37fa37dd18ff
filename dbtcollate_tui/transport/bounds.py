"""Every bound on what a server may make this program wait for, read or follow.

``help/environment.md`` states them.
"""

MOST_JSON_BYTES = 64 * 1024 * 1024
"""Bytes of one JSON answer, unpacked."""
MOST_DOWNLOAD_BYTES = 2 * 1024 * 1024 * 1024
"""Bytes of one artifact, unpacked."""
MOST_UNPACKED_TIMES = 200
"""How many times its size on the wire a large answer may have once it is unpacked."""
UNPACKED_FREELY_BYTES = 16 * 1024 * 1024
"""Below this size how far an answer was packed does not matter."""
DOWNLOAD_SECONDS = 1800.0
"""One download from its first byte to its last."""
SLOWEST_BYTES_PER_SECOND = 1024
"""The least that a download brings, on average over `RATE_SECONDS`."""
RATE_SECONDS = 30.0
WHOLE_ANSWER_SECONDS = 180.0
"""One JSON answer from the request to its last byte, and a download's answer up to its body."""
MOST_PAUSE_SECONDS = 300.0
"""The longest pause that a server may ask for (Retry-After); dbt Cloud's cool-down is that long."""
MOST_PAGES = 10_000
"""Pages of one of Collate's lists, of 1,000 entities. A list of pages without anything new ends before."""
MOST_OBJECT_PAGES = 1_000
"""Pages of one of dbt Cloud's lists, of 100 objects."""
FOLLOWED_MINUTES_IN_CI = 120
"""How long a command follows a run where nobody watches: with ``CI`` set, ``--no-input`` or ``--json``."""
