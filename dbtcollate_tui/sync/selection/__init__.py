"""What a sync is asked for: dbt node selection, schemas, tables, kinds of changes. No IO."""
