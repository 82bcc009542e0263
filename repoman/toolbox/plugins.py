"""Finding plugins: one file per kind in a folder of ours, or an entry point of an installed package.

A recipe, a filter or a blob store kind registers itself by defining one module-level
object. Ours are found by walking the folder, others through the entry-point group of the same name, so
an outside plugin is loaded exactly as our own are.
"""

import importlib
import importlib.metadata
import pkgutil
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def discover(package: ModuleType, *, attribute: str, kind: type[T], group: str) -> dict[str, T]:
    """Collect every object named ``attribute`` in the modules of ``package`` and the entry points of ``group``.

    Returns a dict by the object's ``key``, in alphabetical order of keys.
    Raises TypeError when an object is not of ``kind``, ValueError when two share a key.
    """
    found: dict[str, T] = {}
    candidates = [
        getattr(importlib.import_module(f"{package.__name__}.{info.name}"), attribute, None)
        for info in pkgutil.iter_modules(package.__path__)
    ]
    candidates += [point.load() for point in importlib.metadata.entry_points(group=group)]
    for candidate in candidates:
        if candidate is None:
            continue
        if not isinstance(candidate, kind):
            raise TypeError(f"{candidate!r} found for {group} is not a {kind.__name__}")
        key: str = candidate.key  # type: ignore[attr-defined]
        if key in found:
            raise ValueError(f"two plugins of {group} share the key {key!r}")
        found[key] = candidate
    return dict(sorted(found.items()))
