"""The registries of this package, which other packages add to by entry points.

| registry | group of entry points | what is in it | where it is named |
|---|---|---|---|
| `mtl_tasks` | `spacy_mtl_tasks` | tasks | `@mtl_tasks` in `[components.NAME.tasks.TASK]` |
| `mtl_balancers` | `spacy_mtl_balancers` | balancers | `@mtl_balancers` in `[components.NAME.balancer]` |
| `mtl_samplers` | `spacy_mtl_samplers` | samplers | `@mtl_samplers` in `[training.batcher.sampling]` |
| `mtl_formats` | `spacy_mtl_formats` | readers of files | `spacy mtl convert --format NAME` |
"""

from __future__ import annotations

from typing import Any

import catalogue
from spacy.util import registry as spacy_registry

registry: Any = spacy_registry

# `registry.create` would put them into thinc's namespace, whose entry points are never read.
for _name in ("mtl_tasks", "mtl_balancers", "mtl_samplers", "mtl_formats"):
    if _name not in vars(registry):
        setattr(registry, _name, catalogue.create("spacy", _name, entry_points=True))

__all__ = ["registry"]
