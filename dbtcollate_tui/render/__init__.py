"""Headless consumers of what the engines and the checks tell: plain lines, or one JSON object a line."""
