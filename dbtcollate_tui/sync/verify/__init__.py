"""Verifying after a sync that everything arrived."""
