"""What a sync reports while it runs, and how it ended."""
