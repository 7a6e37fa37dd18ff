"""The program's log and where its file is; the file's handler is imported when it is opened."""

import logging
from pathlib import Path

from dbtcollate_tui.folders import folder

LOGGER = logging.getLogger("dbtcollate_tui")


def log_path() -> Path:
    """Where the log file is, whether or not it exists: ``DBTCOLLATE_LOG_DIR``, else the user's log folder."""
    return folder("log") / "dbtcollate.log"


def start_logging(level: int = logging.INFO) -> Path:
    """Send the program's log records to the log file (3 files of 1 MB) and give its place.

    Raises ``OSError`` where the folder cannot be written; the caller goes on without a log.
    """
    path = log_path()
    from dbtcollate_tui.private_files import make_folder

    make_folder(path.parent)
    handlers = _files()
    if not any(Path(handler.baseFilename) == path.absolute() for handler in handlers):
        from dbtcollate_tui.log_file import PrivateFileHandler

        opened = PrivateFileHandler(path)
        stop_logging()
        LOGGER.addHandler(opened)
    LOGGER.setLevel(level)
    LOGGER.propagate = False
    return path


def log_from_first_record(level: int = logging.INFO) -> None:
    """As `start_logging`, once there is something to write: an app that starts has not to wait for it."""
    if not LOGGER.handlers:
        LOGGER.addHandler(_Opening())
    LOGGER.setLevel(level)
    LOGGER.propagate = False


class _Opening(logging.Handler):
    """Stands in the file's place until the first record; where the file cannot be opened nothing is kept."""

    def emit(self, record: logging.LogRecord) -> None:
        LOGGER.removeHandler(self)
        try:
            start_logging(LOGGER.level)
        except OSError:
            LOGGER.addHandler(logging.NullHandler())
        else:
            LOGGER.handle(record)


def stop_logging() -> None:
    """Close the log file."""
    for handler in _files():
        LOGGER.removeHandler(handler)
        handler.close()


def _files() -> list[logging.FileHandler]:
    return [handler for handler in LOGGER.handlers if isinstance(handler, logging.FileHandler)]
