"""The private files of the settings; see `dbtcollate_tui.private_files`."""

from dbtcollate_tui.private_files import private_folder, write_private

__all__ = ["private_folder", "write_private"]
