"""The registries of this package: tasks and balancers, for blocks below `[components]`, and layers.

`[components.multitask.tasks.NAME]` takes `@mtl_tasks`, `[components.multitask.balancer]` takes
`@mtl_balancers`. The layers of annotation that data and pipelines may have beyond spaCy's own are
in `mtl_layers`, see `spacy_mtl.layers`. Other packages add to them by entry points in the groups
`spacy_mtl_tasks`, `spacy_mtl_balancers` and `spacy_mtl_layers`.
"""

from __future__ import annotations

from typing import Any

import catalogue
from spacy.util import registry as spacy_registry

registry: Any = spacy_registry

# `registry.create` would put them into thinc's namespace, whose entry points are never read.
if "mtl_tasks" not in vars(registry):
    registry.mtl_tasks = catalogue.create("spacy", "mtl_tasks", entry_points=True)
    registry.mtl_balancers = catalogue.create("spacy", "mtl_balancers", entry_points=True)
    registry.mtl_layers = catalogue.create("spacy", "mtl_layers", entry_points=True)

__all__ = ["registry"]
