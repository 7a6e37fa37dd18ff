"""Reading from Collate what the plan needs."""
