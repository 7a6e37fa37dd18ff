"""Small dbt projects that once went wrong, each with the right outcome."""
