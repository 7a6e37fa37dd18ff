"""dbtcollate: sets up, checks and runs the sync of dbt Cloud metadata into Collate (OpenMetadata)."""

__version__ = "0.1.0"
