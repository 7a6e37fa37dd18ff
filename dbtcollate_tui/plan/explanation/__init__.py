"""Explain one table or count the whole project: dbt's side, Collate's side, the next sync."""
