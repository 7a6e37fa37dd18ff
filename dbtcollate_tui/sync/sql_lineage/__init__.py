"""Compiled SQL read for column lineage: by sqlglot in worker processes, its findings kept."""
