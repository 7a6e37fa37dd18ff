"""Column lineage from compiled SQL."""
