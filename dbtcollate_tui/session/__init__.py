"""Open connections and the process's stores, shared by checks, setup and the front ends."""
