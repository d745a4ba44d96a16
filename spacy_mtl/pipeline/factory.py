"""The factory "multitask" and the checks of its config."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from spacy.language import Language
from thinc.api import Config, Model

from .. import registry  # noqa: F401  the config below names functions in it
from ..confidences import register_extensions
from ..errors import MTLError
from ..layers import BUILT_IN, layer_named
from ..tasks.base import Task
from ..values import register_extension
from .balancers import checked_balancer
from .component import MultiTask
from .live import announce
from .score_names import check_component_score, check_name
from .selection import Selection
from .steps import LOSS_UNITS

DEFAULT_CONFIG = """
[multitask]
loss_unit = "sum"
conflict_every = 0
confidences = false
absent = []
auxiliary = []
selection = null
tasks = {}

[multitask.model]
@architectures = "spacy_mtl.HardSharing.v1"

[multitask.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 96
upstream = "*"

[multitask.balancer]
@mtl_balancers = "spacy_mtl.FixedWeights.v1"
"""

register_extensions()
register_extension()


@Language.factory(
    "multitask",
    assigns=[each for layer in BUILT_IN.values() if layer.has_task for each in layer.assigns],
    default_config=Config().from_str(DEFAULT_CONFIG)["multitask"],
    default_score_weights={
        "tag_acc": 1.0,
        "pos_acc": 1.0,
        "morph_acc": 1.0,
        "ents_f": 1.0,
        "cats_score": 1.0,
        # None, as a weight would lower all others in configs from before there were these scores.
        "lemma_acc": None,
        "dep_las": None,
        "sents_f": None,
    },
)
def make_multitask(
    nlp: Language,
    name: str,
    model: Model,
    tasks: dict[str, Any],
    balancer: Any,
    loss_unit: str,
    conflict_every: int,
    confidences: bool,
    absent: list[str],
    selection: dict[str, Any] | None,
    auxiliary: list[str] = [],  # noqa: B006
) -> MultiTask:
    """Make the component.

    model: a sharing topology over the shared encoder, such as `spacy_mtl.HardSharing.v1`.
    tasks: by name, from the registry `mtl_tasks`. Names must not contain "." or ":".
    balancer: from the registry `mtl_balancers`.
    loss_unit: "sum", "mean" or "sqrt": what a task's loss is divided by, see `MultiTask`.
    conflict_every: updates between two measurements of the gradients' conflict, 0 for none.
    confidences: whether to note on each Doc how sure tags, lemmas, arcs and entities are.
    absent: tasks that the model may name although the component is without them. The commands
        that make a config with a part of the tasks (`compare`, `affinity`) write them.
    selection: how the tasks' main scores become the one score NAME_score of the component, at most
        1, at the evaluations of a training; null for no such score. A block with `rule`
        ("geometric", "mean" or "worst") and either `evaluations` or `decay`, see
        `spacy_mtl.pipeline.selection`. Named in [training.score_weights], it chooses `model-best`.
    auxiliary: tasks that are trained and neither predicted nor scored: others gain by what the
        encoder learns from them, or nobody does. Each may write what another task writes.
    """
    announce(nlp)
    if loss_unit not in LOSS_UNITS:
        raise MTLError(f"Expected `loss_unit` to be one of {list(LOSS_UNITS)}, got {loss_unit!r}.")
    balancer, named = checked_balancer(balancer, name), _named(tasks, name, auxiliary)
    return MultiTask(
        nlp.vocab,
        model,
        name,
        named,
        balancer,
        loss_unit,
        conflict_every,
        confidences,
        absent,
        _selection(selection, name, tasks),
        auxiliary,
    )


def _selection(
    settings: dict[str, Any] | None, component: str, tasks: dict[str, Any]
) -> Selection | None:
    if settings is None:
        return None
    check_component_score(component, tasks)
    return Selection.of(settings, component)


def _named(tasks: dict[str, Any], component: str, auxiliary: Collection[str]) -> dict[str, Task]:
    """Tell each task its name, after checking that the tasks can stand side by side."""
    writers: dict[str, str] = {}
    for name, task in tasks.items():
        _name(task, name, component)
        if name in auxiliary:
            continue
        for written in set(task.assigns) - {"doc.cats"}:
            if written in writers:
                raise MTLError(
                    f"Expected one task for {written}, got '{writers[written]}' and '{name}'. "
                    "Remove one, or let it write somewhere else by its settings."
                )
            writers[written] = name
    for task in tasks.values():
        task.meet(tasks)
    return dict(tasks)


def _name(task: Any, name: str, component: str) -> None:
    """Tell a task its name, after checking that it is one and what it says of itself."""
    where = f"[components.{component}.tasks.{name}]"
    if not isinstance(task, Task):
        raise MTLError(f"Expected a task in {where}, got {task!r}. Name one with @mtl_tasks.")
    if "." in name or ":" in name:
        raise MTLError(f"Expected a task name without '.' and ':', got '{name}'. Rename it.")
    check_name(name, task)
    task.name, task.component = name, component
    for setting in ("layers", "assigns", "needs"):
        if isinstance(value := getattr(task, setting), str):
            raise MTLError(
                f"Expected a tuple as `{setting}` of the task in {where}, got {value!r}. "
                f"Put it into one: ({value!r},)."
            )
    if not task.layers:
        raise MTLError(f"Expected a layer that the task in {where} learns from, got none.")
    for layer in task.layers:
        layer_named(layer)  # an error if there is none
