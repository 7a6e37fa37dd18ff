"""The log file's handler: rotating, redacted, private."""

import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from dbtcollate_tui.printable import safe
from dbtcollate_tui.private_files import make_file


class _RedactingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return safe(super().format(record))


class PrivateFileHandler(RotatingFileHandler):
    """3 files of 1 MB without secrets and terminal control, each readable by its owner only."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
        self.setFormatter(_RedactingFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk costs the line, and prints no trace."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        """Whether the file is full, by its size: logging formats each line a second time to know it."""
        if self.stream is None:
            self.stream = self._open()
        return os.fstat(self.stream.fileno()).st_size >= self.maxBytes

    def _open(self) -> TextIOWrapper:
        make_file(Path(self.baseFilename))
        return super()._open()
