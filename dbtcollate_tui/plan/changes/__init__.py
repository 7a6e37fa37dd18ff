"""Typed changes: what a sync would write."""
