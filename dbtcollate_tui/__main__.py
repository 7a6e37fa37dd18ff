"""``python -m dbtcollate_tui`` and the ``dbtcollate`` command."""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from dbtcollate_tui.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
