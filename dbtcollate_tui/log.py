"""The log file: rotating, redacted, private, below the user's log folder."""

import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from dbtcollate_tui.redact import redact

LOGGER = logging.getLogger("dbtcollate_tui")


class _RedactingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _PrivateFileHandler(RotatingFileHandler):
    """Every file it opens, rotated ones included, is readable by its owner only."""

    def _open(self) -> TextIOWrapper:
        os.close(os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        return super()._open()


def log_path() -> Path:
    """Where the log file is, whether or not it exists: ``DBTCOLLATE_LOG_DIR``, else the user's log folder."""
    if given := os.environ.get("DBTCOLLATE_LOG_DIR"):
        return Path(given) / "dbtcollate.log"
    import platformdirs

    return Path(platformdirs.user_log_dir("dbtcollate", appauthor=False)) / "dbtcollate.log"


def start_logging(level: int = logging.INFO) -> Path:
    """Send the program's log records to the log file (3 files of 1 MB) and give its place.

    Raises ``OSError`` where the folder cannot be written; the caller goes on without a log.
    """
    path = log_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any(
        isinstance(h, RotatingFileHandler) and Path(h.baseFilename) == path.absolute()
        for h in LOGGER.handlers
    ):
        handler = _PrivateFileHandler(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
        handler.setFormatter(_RedactingFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        stop_logging()
        LOGGER.addHandler(handler)
    LOGGER.setLevel(level)
    LOGGER.propagate = False
    return path


def stop_logging() -> None:
    """Close the log file."""
    for handler in [h for h in LOGGER.handlers if isinstance(h, RotatingFileHandler)]:
        LOGGER.removeHandler(handler)
        handler.close()
