"""`docs/configuration.md` from the table in `configuration.py`: `python -m repoman.configuration_page`."""

from dataclasses import fields

from repoman.configuration import Configuration

_HEAD = """# Configuration

Settings come from environment variables; an empty variable counts as not set. This page is made from
`repoman/configuration.py` by `make docs`.

| variable | default | meaning |
|---|---|---|
"""


def page() -> str:
    """The page in Markdown."""
    rows = []
    for item in fields(Configuration):
        default = f"`{item.metadata['default']}`" if item.metadata["default"] else ""
        rows.append(f"| `{item.metadata['name']}` | {default} | {item.metadata['help']} |\n")
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    print(page(), end="")
