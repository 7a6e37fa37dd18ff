"""A dbt Cloud and a Collate on loopback, with artifacts that a real dbt produced."""
