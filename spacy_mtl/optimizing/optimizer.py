"""`spacy_mtl.GroupedOptimizer.v1`: the optimizer as a config names it."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from thinc.api import Optimizer
from thinc.optimizers import ADAM_DEFAULTS, FloatOrSeq

from .grouped import GroupedOptimizer


def create_grouped_optimizer(
    learn_rate: FloatOrSeq = ADAM_DEFAULTS["learn_rate"],
    *,
    factors: dict[str, float] | None = None,
    layer_decay: float = 1.0,
    average: float | None = None,
    beta1: FloatOrSeq = ADAM_DEFAULTS["beta1"],
    beta2: FloatOrSeq = ADAM_DEFAULTS["beta2"],
    eps: FloatOrSeq = ADAM_DEFAULTS["eps"],
    L2: FloatOrSeq = ADAM_DEFAULTS["L2"],
    L2_is_weight_decay: bool = True,
    grad_clip: FloatOrSeq = ADAM_DEFAULTS["grad_clip"],
    use_averages: bool = True,
    use_radam: bool = False,
    sparse_rows: bool = False,
    clip_together: bool = False,
) -> Optimizer:
    """Adam with a learning rate for each part of a pipeline, and averages of constant decay.

    It has the settings of `Adam.v1`, and some more.

    learn_rate: of the parts whose factor is 1.
    factors: on the learning rate, by patterns of layers such as "tok2vec.*"; the last that
        fits a path counts, for the paths see `spacy_mtl.optimizing.parameters`. What none fits has
        1. What has 0 does not move. Weight decay is scaled alike.
    layer_decay: a further factor for each layer of the encoder that lies above (Howard and
        Ruder 2018, https://arxiv.org/abs/1801.06146): its top has 1, the next `layer_decay`.
    average: the decay of the moving average of the parameters, with which spaCy evaluates and
        saves; 0.999 averages over about the last 1000 updates. It begins at each parameter's
        first update, and takes in PyTorch models. None for thinc's own averages, whose decay
        grows with the number of updates, and which leave PyTorch models out.
    beta1: the decay of the mean of the gradients.
    beta2: the decay of the mean of their squares.
    eps: what is added to the root of these squares, so that nothing is divided by zero.
    L2: the strength of weight decay, or of the L2 loss.
    L2_is_weight_decay: weight decay apart from the gradient, in place of an L2 loss.
    grad_clip: the largest norm of a parameter's gradient; larger ones are scaled down. 0 for none.
    use_averages: keep averages of the parameters, to evaluate and save.
    use_radam: RAdam in place of Adam.
    sparse_rows: in a table of 1024 rows or more, such as a hash embedding's, go through those
        rows alone that have a gradient, as long as they are few. The others are brought up to
        date when they next have one, and whenever `averages` are read; up to then the next
        moves of momentum are foreseen. It is Adam still, but for rounding and for what foresight
        misses when a row is read. For the CPU, and for weight decay in place of an L2 loss; on
        a GPU, and with RAdam, all rows take the usual step.
    clip_together: `grad_clip` is for the norm of all gradients of a component, and not for that
        of each parameter by itself. For pretrained encoders, whose layers are to keep their
        proportions.
    """
    return GroupedOptimizer(
        learn_rate,
        factors or {},
        layer_decay,
        average,
        sparse_rows,
        clip_together,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        L2=L2,
        L2_is_weight_decay=L2_is_weight_decay,
        grad_clip=grad_clip,
        use_averages=use_averages,
        use_radam=use_radam,
    )
