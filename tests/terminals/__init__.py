"""Real terminal emulators under a virtual display; outside CI, see `tests.terminals.__main__`."""
