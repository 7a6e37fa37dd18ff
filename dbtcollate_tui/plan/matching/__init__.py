"""Which table in Collate belongs to which dbt node."""
