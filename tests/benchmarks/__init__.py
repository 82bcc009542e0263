"""The benchmark: this server, nginx with the same bytes as static files, and other servers, measured in turn in one run."""
