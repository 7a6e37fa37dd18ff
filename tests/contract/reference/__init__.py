"""The program and its sandbox held to a client that this project did not write.

`run.py` makes the environment and runs the checks. Without it nothing here is collected: the reference,
PyPI's ``openmetadata-ingestion``, is too large to be a dependency.
"""
