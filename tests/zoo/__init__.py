"""Artifacts of other people's dbt projects, from packages that ship them; outside of CI."""
