"""dbt nodes and the Collate tables they stand for: which fits which, and why some fit none. No IO."""
