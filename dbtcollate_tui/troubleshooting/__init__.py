"""Symptoms, troubleshooting sessions and their report."""
