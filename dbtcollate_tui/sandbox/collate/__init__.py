"""The Collate (OpenMetadata) of the sandbox: its entities in SQLite, its answers as the server gives them."""
