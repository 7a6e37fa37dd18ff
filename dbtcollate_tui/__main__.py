"""``python -m dbtcollate_tui`` and the ``dbtcollate`` command."""

import os
import sys

from dbtcollate_tui.gc_tuning import seldom_while_starting
from dbtcollate_tui.standard_streams import flush_or_discard, write_any_sign


def main() -> None:
    """Run the command line and leave with its exit code; without arguments the app starts sooner."""
    seldom_while_starting()
    write_any_sign()
    if len(sys.argv) == 1 and "_DBTCOLLATE_COMPLETE" not in os.environ:
        from dbtcollate_tui.tui.start import open_app

        code = int(open_app())
    else:
        from dbtcollate_tui.cli import run

        code = run(sys.argv[1:])
    flush_or_discard()
    sys.exit(code)


if __name__ == "__main__":
    main()
