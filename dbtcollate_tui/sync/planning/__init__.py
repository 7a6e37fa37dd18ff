"""The parts of the plan: tables, tags, properties, lineage, tests, exposures. No IO."""
