"""OpenMetadata's REST API, as Collate speaks it: address, token, dialect, calls, ingestion pipelines."""
