"""Links to the documentation of Python and aiohttp that also work where the network is closed.

Sphinx reads the inventory of another project from the network. `inventories.txt` lists the names that this
documentation uses, and is what Sphinx falls back to.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from pathlib import Path

__all__ = ["local_inventories"]

SITES = {
    "python": "https://docs.python.org/3",
    "aiohttp": "https://docs.aiohttp.org/en/stable",
}


def local_inventories(docs: Path) -> dict[str, tuple[str, tuple[str | None, str]]]:
    """Write an inventory for each site, and return the mapping for intersphinx."""
    lines = defaultdict(list)
    for line in (docs / "inventories.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            site, role, name, page = line.split()
            lines[site].append(f"{name} py:{role} 1 {page}#$ -\n")
    folder = docs / "_build" / "inventories"
    folder.mkdir(parents=True, exist_ok=True)
    mapping: dict[str, tuple[str, tuple[str | None, str]]] = {}
    for site, address in SITES.items():
        file = folder / f"{site}.inv"
        head = f"# Sphinx inventory version 2\n# Project: {site}\n# Version: 0\n# The rest is compressed using zlib.\n"
        file.write_bytes(head.encode() + zlib.compress("".join(lines[site]).encode()))
        mapping[site] = (address, (None, str(file)))
    return mapping
