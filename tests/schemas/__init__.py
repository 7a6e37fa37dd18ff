"""The published schemas of every OpenMetadata release, read outside CI into one table."""
