"""The log file: rotating, redacted, below the user's log folder."""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from dbtcollate_tui.redact import redact

LOGGER = logging.getLogger("dbtcollate_tui")


class _RedactingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def log_path() -> Path:
    """Where the log file is, whether or not it exists yet."""
    import platformdirs

    return Path(platformdirs.user_log_dir("dbtcollate", appauthor=False)) / "dbtcollate.log"


def start_logging(level: int = logging.INFO) -> Path:
    """Send the program's log records to the log file (3 files of 1 MB) and give its place.

    Raises ``OSError`` where the folder cannot be written; the caller goes on without a log.
    """
    path = log_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not LOGGER.handlers:
        handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
        handler.setFormatter(_RedactingFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        LOGGER.addHandler(handler)
    LOGGER.setLevel(level)
    LOGGER.propagate = False
    return path
