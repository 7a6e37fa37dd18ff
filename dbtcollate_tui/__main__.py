"""``python -m dbtcollate_tui`` and the ``dbtcollate`` command."""

import os
import sys


def main() -> None:
    """Run the command line and leave with its exit code; with nothing on it the app stands sooner."""
    if len(sys.argv) == 1 and "_DBTCOLLATE_COMPLETE" not in os.environ:
        from dbtcollate_tui.tui.start import open_app

        sys.exit(open_app())
    from dbtcollate_tui.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
