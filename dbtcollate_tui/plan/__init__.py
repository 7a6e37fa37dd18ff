"""The pure part of a sync: dbt's project and the server's state in, a list of typed changes out."""
