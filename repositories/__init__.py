"""Repositories: proxy, hosted and group. README.md beside this file is the map of the rooms."""
