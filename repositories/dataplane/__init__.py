"""The data plane: what pip, uv and twine talk to. A bare ASGI application; no Django HTTP, no DRF."""
