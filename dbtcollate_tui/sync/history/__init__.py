"""A record of every sync, deploy and verification, kept 90 days: written while it runs, read afterwards."""
