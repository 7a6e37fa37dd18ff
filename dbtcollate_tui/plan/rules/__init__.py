"""What dbt says of a table, a column or a test, and what to write for it."""
