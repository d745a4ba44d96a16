"""The registries of this package, which other packages add to by entry points.

`mtl_tasks`      `@mtl_tasks` in `[components.NAME.tasks.TASK]`
`mtl_balancers`  `@mtl_balancers` in `[components.NAME.balancer]`
`mtl_samplers`   `@mtl_samplers` in `[training.batcher.sampling]`
`mtl_layers`     layers of annotation beyond those of spaCy's own, see `spacy_mtl.layers`
`mtl_formats`    readers of files, `spacy mtl convert --format NAME`

The group of entry points has `spacy_` in front of the registry's name.
"""

from __future__ import annotations

from typing import Any

import catalogue
from spacy.util import registry as spacy_registry

registry: Any = spacy_registry

# `registry.create` would put them into thinc's namespace, whose entry points are never read.
for _name in ("mtl_tasks", "mtl_balancers", "mtl_samplers", "mtl_layers", "mtl_formats"):
    if _name not in vars(registry):
        setattr(registry, _name, catalogue.create("spacy", _name, entry_points=True))

__all__ = ["registry"]
