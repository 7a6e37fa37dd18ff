"""The proof: what dbt says, read back from Collate, after a sync or without one."""
