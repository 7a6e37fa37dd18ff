"""One small project as real releases of dbt wrote it."""

import gzip
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"
RELEASES = {"1.0": 4, "1.3": 7, "1.5": 9, "1.8": 12, "1.11": 12, "1.12": 12}


def sample(release: str, name: str) -> bytes:
    return gzip.decompress((SAMPLES / f"dbt-{release}" / f"{name}.json.gz").read_bytes())
