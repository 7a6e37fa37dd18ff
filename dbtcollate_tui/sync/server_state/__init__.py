"""What Collate holds of what dbt touches, read by few requests."""
