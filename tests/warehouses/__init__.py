"""Real warehouses built by dbt and read by OpenMetadata's own connectors; outside of CI."""
