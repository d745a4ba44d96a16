"""Steps on the rows that have a gradient, against the usual ones on all rows."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_mtl.optimizing.optimizer import create_grouped_optimizer
from spacy_mtl.optimizing.row_adam import HISTORY, RowState, rows_with_gradient

pytestmark = pytest.mark.filterwarnings("ignore:Expected a parameter of a pipeline")
KEY = (1, "E")
ROWS, COLUMNS = 1024, 6
NEVER = slice(ROWS - 100, ROWS)  # rows that never have a gradient
Array = np.ndarray


def table() -> Array:
    return np.random.default_rng(0).normal(0, 0.03, size=(ROWS, COLUMNS)).astype("float32")


def sparse_gradients(steps: int, often: int = 20, seed: int = 1) -> list[Array]:
    """Gradients of which each row has its own size, from 0.001 to 10.

    Some of the first sixty rows have one each time, any of the others but seldom.
    """
    rng = np.random.default_rng(seed)
    sizes = 10.0 ** rng.integers(-3, 2, size=(ROWS, 1))
    gradients = []
    for _ in range(steps):
        rows = np.unique([*rng.choice(60, often), *rng.integers(60, NEVER.start, size=3)])
        gradient = np.zeros((ROWS, COLUMNS), dtype="float32")
        gradient[rows] = rng.normal(size=(rows.size, COLUMNS)) * sizes[rows]
        gradients.append(gradient)
    return gradients


def learn(optimizer: Any, weights: Array, gradients: list[Array]) -> Array:
    """The weights after steps with these gradients, in place."""
    for gradient in gradients:
        gradient = gradient.copy()
        weights, gradient = optimizer(KEY, weights, gradient)
        assert not gradient.any()
        optimizer.step_schedules()
    return weights


def both(gradients: list[Array], **given: Any) -> list[tuple[Any, Array]]:
    """The optimizer and the weights after the usual steps, and after those on rows."""
    return [(o, learn(o, table(), gradients)) for o in optimizers(**given)]


def optimizers(**given: Any) -> list[Any]:
    """The usual one and the one for rows; `eps` is too small to count where it is not given."""
    found = []
    for sparse_rows in (False, True):
        own = {name: make() if callable(make) else make for name, make in given.items()}
        found.append(create_grouped_optimizer(**{"eps": 1e-14, **own}, sparse_rows=sparse_rows))
    return found


def assert_alike(usual: Any, quick: Any, weights: float = 2e-5, moments: float = 5e-6) -> None:
    """Weights and averages within a part of the largest movement, moments of a row's largest.

    Both float32, so that each step rounds.
    """
    (first, expected), (second, found) = usual, quick
    second.flush()
    moved = np.abs(expected - table()).max()
    np.testing.assert_allclose(found, expected, rtol=3e-6, atol=weights * moved)
    assert first.nr_update == second.nr_update
    for name in ("mom1", "mom2"):
        one, other = (getattr(o, name)[KEY].reshape(ROWS, -1) for o in (first, second))
        assert (np.abs(one - other) <= moments * np.abs(one).max(axis=1, keepdims=True)).all()
    if first.averages is not None:
        one, other = first.averages[KEY], second.averages[KEY]
        np.testing.assert_allclose(other, one, rtol=3e-6, atol=weights * moved)


def falling() -> Any:
    return (0.02 * 0.99**step for step in range(10_000))


def leaping() -> Any:
    return (0.005 * (1 + step // 7 % 3) for step in range(10_000))


def rising() -> Any:
    """Of the first moment's decay."""
    return (0.8 + 0.0003 * step for step in range(10_000))


SETTINGS: list[dict[str, Any]] = [
    {},
    {"learn_rate": 1e-5},
    {"learn_rate": falling, "average": 0.99},
    {"learn_rate": leaping, "L2": 0.3},
    {"learn_rate": leaping, "L2": 0.3, "average": 0.9},
    {"grad_clip": 0.0, "use_averages": False, "L2": 0.01},
    {"grad_clip": 0.01, "beta1": rising, "beta2": 0.99, "average": 0.5},
]


@pytest.mark.parametrize("given", SETTINGS)
def test_it_is_adam(given):
    assert_alike(*both(sparse_gradients(300), **given))


@pytest.mark.parametrize("given", SETTINGS)
def test_rows_that_always_have_a_gradient(given):
    gradients = sparse_gradients(300)
    for gradient in gradients:
        gradient[:100] = np.random.default_rng(3).normal(size=(100, COLUMNS))
        gradient[100:] = 0
    (_, expected), (quick, found) = both(gradients, **given)
    quick.flush()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=2e-6)


def test_a_gradient_as_small_as_eps():
    """There eps counts, which is taken to shrink with the second moment."""
    gradients = [gradient * 1e-8 for gradient in sparse_gradients(300)]
    assert_alike(*both(gradients, eps=1e-8), weights=0.005)


def test_longer_than_is_kept_apart():
    gradients = sparse_gradients(HISTORY + 100)
    for gradient in gradients[2:-1]:
        gradient[70:] = 0
    assert_alike(*both(gradients, average=0.999))


def test_only_rows_with_a_gradient_are_gone_through():
    gradients = sparse_gradients(20)
    optimizer: Any = create_grouped_optimizer(L2=0.1, sparse_rows=True)
    weights = learn(optimizer, table(), gradients[:10])
    before = weights.copy()
    weights = learn(optimizer, weights, gradients[10:])
    touched = np.any(gradients[10:], axis=(0, 2))
    assert ((weights != before).any(axis=1) == touched).all()
    optimizer.flush()
    assert (weights != before).any(axis=1).all()


@pytest.mark.parametrize("average", [None, 0.9])
def test_rows_that_never_have_a_gradient(average):
    gradients = sparse_gradients(50)
    _, (quick, found) = both(gradients, average=average)
    quick.flush()
    assert (found[NEVER] == table()[NEVER]).all() and not quick.mom1[KEY][-100:].any()
    if average is not None:
        np.testing.assert_allclose(quick.averages[KEY][NEVER], table()[NEVER], rtol=1e-6)
    _, (quick, found) = both(gradients, learn_rate=0.01, L2=0.5)
    quick.flush()
    np.testing.assert_allclose(found[NEVER], table()[NEVER] * (1 - 0.005) ** 50, rtol=1e-5)


def test_reading_the_averages_brings_all_up_to_date_and_again_changes_nothing():
    (usual, expected), (quick, found) = both(sparse_gradients(40), average=0.9)
    assert np.abs(found - expected).max() > 1e-4
    first = quick.averages[KEY].copy(), found.copy(), quick.mom1[KEY].copy()
    assert np.abs(found - expected).max() < 1e-6
    quick.flush()
    again = quick.averages[KEY], found, quick.mom1[KEY]
    assert all((one == other).all() for one, other in zip(first, again, strict=True))


def test_without_averages_reading_them_does_it_too():
    (_, expected), (quick, found) = both(sparse_gradients(40), use_averages=False)
    assert np.abs(found - expected).max() > 1e-4
    assert quick.averages is None
    assert np.abs(found - expected).max() < 1e-6


def test_second_moments_are_told_up_to_date_and_nothing_changes():
    (usual, _), (quick, found) = both(sparse_gradients(40))
    assert usual.squares((2, "W")) is quick.squares((2, "W")) is None
    before = quick.mom2[KEY].copy(), found.copy()
    told, expected = quick.squares(KEY).ravel(), usual.squares(KEY).ravel()
    np.testing.assert_allclose(told, expected, rtol=1e-4)
    assert not np.allclose(quick.mom2[KEY].ravel(), expected, rtol=1e-3, atol=0)
    assert (quick.mom2[KEY] == before[0]).all() and (found == before[1]).all()


def test_a_row_is_read_nearly_as_it_would_be():
    """The next moves are foreseen, so that a rare row does not wait for them."""
    gradients = [np.zeros((ROWS, COLUMNS), dtype="float32") for _ in range(400)]
    for step, gradient in enumerate(gradients):
        gradient[step % 20 :: 20] = 1.0
    (_, expected), (_, found) = both(gradients, grad_clip=0.0)
    row = len(gradients) % 20  # the next
    moved = np.abs(expected[row] - table()[row])
    assert (np.abs(found[row] - expected[row]) < 0.02 * moved).all()


def test_steps_with_many_rows_between():
    gradients = sparse_gradients(200)
    rng = np.random.default_rng(2)
    for gradient in gradients[50:90:2] + gradients[120:160]:
        gradient[: NEVER.start] = rng.normal(size=(NEVER.start, COLUMNS))
    assert_alike(*both(gradients, average=0.9, L2=0.1))


def test_mostly_full_gradients_take_the_usual_step():
    gradients = sparse_gradients(20)
    for gradient in gradients:
        gradient += 0.1
    (_, expected), (_, found) = both(gradients)
    assert (found == expected).all()


@pytest.mark.parametrize(
    "given",
    [
        {"use_radam": True},
        {"L2": 0.1, "L2_is_weight_decay": False},
        {"beta1": 0.99, "beta2": 0.9},
        {"beta1": 0.0, "beta2": 0.0},
    ],
)
def test_what_takes_the_usual_step(given):
    (_, expected), (_, found) = both(sparse_gradients(20), **given)
    assert (found == expected).all()


def test_small_parameters_take_the_usual_step():
    found = []
    for sparse_rows in (False, True):
        optimizer: Any = create_grouped_optimizer(sparse_rows=sparse_rows)
        weights = table()[:1000]
        for gradient in sparse_gradients(20):
            optimizer(KEY, weights, gradient[:1000])
        found.append(weights)
    assert (found[0] == found[1]).all()


def test_a_setting_that_changes_to_one_for_all_rows():
    gradients = sparse_gradients(60)
    pairs = both(gradients[:30])
    for optimizer, weights in pairs:
        optimizer.L2, optimizer.L2_is_weight_decay = 0.1, False
        learn(optimizer, weights, gradients[30:40])
        optimizer.L2, optimizer.eps = 0.0, 1e-12
        learn(optimizer, weights, gradients[40:])
    assert_alike(*pairs)


def test_weights_in_another_array():
    """They are taken as they are; the array before gets what it missed, and no more."""
    gradients = sparse_gradients(60)
    (usual, _), (quick, _) = pairs = both(gradients[:30])
    quick.flush()
    learn(quick, pairs[1][1], gradients[30:35])
    learn(usual, pairs[0][1], gradients[30:35])
    after = [weights for _, weights in pairs]
    new = [table(), table()]
    learn(quick, new[1], gradients[35:])
    learn(usual, new[0], gradients[35:])
    quick.flush()
    np.testing.assert_allclose(after[1], after[0], rtol=0, atol=1e-6)
    assert_alike((usual, new[0]), (quick, new[1]))


def test_what_there_is_to_an_optimizer_whose_rows_are_up_to_date():
    """Another one goes on with it to the last bit."""
    gradients = sparse_gradients(60)
    whole, other = (create_grouped_optimizer(average=0.9, sparse_rows=True) for _ in range(2))
    weights = learn(whole, table(), gradients[:30])
    whole.flush()
    state, copied = whole._rows[KEY], weights.copy()
    other.mom1, other.mom2 = ({KEY: m[KEY].copy()} for m in (whole.mom1, whole.mom2))
    other.averages = {KEY: whole.averages[KEY].copy()}
    other.nr_update[KEY] = whole.nr_update[KEY]
    arrays = (moments[KEY] for moments in (other.mom1, other.mom2, other.averages))
    other._rows[KEY] = RowState(copied, *arrays, steps=state.steps, share=state.share)
    other._rows[KEY].touches[:] = state.touches
    learn(whole, weights, gradients[30:])
    learn(other, copied, gradients[30:])
    for optimizer in (whole, other):
        optimizer.flush()
    assert (weights == copied).all() and (whole.mom2[KEY] == other.mom2[KEY]).all()
    assert (whole.averages[KEY] == other.averages[KEY]).all()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.integers(1, 60),
    flushes=st.sets(st.integers(0, 59)),
    given=st.sampled_from(SETTINGS),
)
def test_whenever_all_is_brought_up_to_date(seed, steps, flushes, given):
    gradients = sparse_gradients(steps, seed=seed)
    pairs = [(optimizer, table()) for optimizer in optimizers(**given)]
    for step, gradient in enumerate(gradients):
        for optimizer, weights in pairs:
            learn(optimizer, weights, [gradient])
            if step in flushes:
                optimizer.flush()
    assert_alike(*pairs)


@pytest.mark.parametrize(("columns", "most"), [(96, 266), (15, 95), (3, 23)])
def test_when_some_rows_are_quicker_than_all(columns, most):
    """Up to a share of the rows that is smaller in narrow tables; a single step does not count."""

    def state() -> RowState:
        weights, mom1, mom2 = np.zeros((3, 1000, columns), dtype="float32")
        return RowState(weights, mom1, mom2, None)

    assert state().worthwhile(most) and not state().worthwhile(most + 1)
    steady = state()
    assert all(steady.worthwhile(most // 2) for _ in range(10))
    assert steady.worthwhile(most * 2)
    assert not all(steady.worthwhile(most * 2) for _ in range(10))


@pytest.mark.parametrize("shape", [(1024, 15), (1023, 15), (1030, 3), (1024, 1), (1100, 96)])
@pytest.mark.parametrize("rows", [0, 1, 40, 1023])
def test_rows_with_a_gradient(shape, rows):
    rng = np.random.default_rng(0)
    gradient = np.zeros(shape, dtype="float32")
    expected = np.sort(rng.choice(shape[0], rows, replace=False))
    gradient[expected, rng.integers(shape[1], size=rows)] = rng.normal(size=rows)
    found, norm = rows_with_gradient(gradient)
    assert found.tolist() == expected.tolist()
    assert norm == pytest.approx(np.linalg.norm(gradient), rel=1e-5)


def test_a_gradient_whose_square_is_zero_stays_for_the_next():
    gradient = np.zeros((ROWS, COLUMNS), dtype="float32")
    gradient[3, 2] = 1e-30
    gradient[5, 2] = 1.0
    optimizer: Any = create_grouped_optimizer(sparse_rows=True)
    weights, _ = optimizer(KEY, table(), np.ones_like(gradient))
    optimizer(KEY, weights, gradient)
    assert gradient[3, 2] == np.float32(1e-30) and np.count_nonzero(gradient) == 1


def test_a_gradient_that_is_not_a_number():
    gradients = sparse_gradients(10)
    gradients[5][7, 1] = np.nan
    (_, expected), (quick, found) = both(gradients)
    quick.flush()
    assert (np.isnan(found) == np.isnan(expected)).all()
