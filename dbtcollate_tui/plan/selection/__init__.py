"""Which nodes and which changes a sync is limited to."""
