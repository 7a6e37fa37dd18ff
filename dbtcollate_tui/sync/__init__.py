"""Run a sync: prepare, read the server, write the changes, verify; everything is reported as events."""
