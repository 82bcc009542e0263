"""The servers that are measured, each started on loopback in folders of its own."""
