"""HTTP for both API clients: the only package that imports the HTTP library."""
