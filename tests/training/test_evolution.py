"""Every strategy of the registry, and how populations are played."""

import pickle
from importlib.util import find_spec
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from rl_intdim.config import cli
from rl_intdim.config.schema import PAIRED, STRATEGIES, EvolutionAgent
from rl_intdim.errors import ConfigError
from rl_intdim.subspace.subspace import Subspace
from rl_intdim.tasks import environment
from rl_intdim.training import evolution, strategies
from rl_intdim.training.strategies.openai_es import centred_ranks
from rl_intdim.training.strategies.pgpe import clipup

OWN = {"pgpe": {"learning_rate": 0.01}, "evosax": {"settings": {"algorithm": "SNES"}}}  # the sphere's, not the pole's
CLIMBER = "hill_climber.HillClimber"
NAMES = [*(name for name in STRATEGIES if name != "evosax" or find_spec("evosax")), CLIMBER]


def build(name, d=4, scale=5.0, seed=0, **settings):
    agent = EvolutionAgent(name=name, trainer="evolution", strategy=name, **OWN.get(name, {}) | settings)
    return strategies.load(name)(d, scale, agent, np.random.default_rng(seed))


def sphere(population):
    """Best at 1 in every coordinate."""
    return -((population - 1) ** 2).sum(1)


def run(strategy, generations, returns=sphere):
    populations = []
    for _ in range(generations):
        populations.append(strategy.ask())
        strategy.tell(populations[-1], returns(populations[-1]))
    return populations


# ---------------------------------------------------------------------------------------- strategies


@pytest.mark.parametrize("name", NAMES)
def test_a_strategy_learns_the_sphere(name):
    strategy = build(name)
    assert sphere(strategy.favourite()[None]) == pytest.approx(-4)
    run(strategy, 200)
    assert sphere(strategy.favourite()[None]) > -0.3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("settings", [{}, {"diagonal_above": 3}])
def test_a_strategy_pickled_in_the_middle_goes_on_to_the_bit(name, settings):
    """Across restarts too: on a flat function no median rises."""
    strategy = build(name, **settings)
    run(strategy, 5)
    for returns in (sphere, lambda population: np.zeros(len(population))):
        copy = pickle.loads(pickle.dumps(strategy))
        np.random.seed(1)  # noqa: NPY002
        once = run(strategy, 20, returns)
        np.random.seed(2)  # noqa: NPY002
        again = run(copy, 20, returns)
        assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
        assert np.array_equal(strategy.favourite(), copy.favourite())


@pytest.mark.parametrize("name", NAMES)
def test_a_strategy_pickled_between_ask_and_tell_goes_on_to_the_bit(name):
    strategy = build(name)
    run(strategy, 3)
    population = strategy.ask()
    copy = pickle.loads(pickle.dumps(strategy))
    for each in (strategy, copy):
        each.tell(population, sphere(population))
    assert np.array_equal(strategy.ask(), copy.ask())


@pytest.mark.parametrize("name", NAMES)
def test_a_strategy_leaves_numpys_global_generator_alone(name):
    np.random.seed(7)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    run(build(name), 20)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("name", NAMES)
def test_a_strategy_passes_the_check_of_one_of_ones_own(name):
    settings = {"popsize": 16, **OWN.get(name, {})}
    strategies.check(EvolutionAgent(name=name, trainer="evolution", strategy=name, **settings), 562)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_population_is_of_the_stated_width(name):
    """sigma x scale around 0; random is the control of the others, since it draws from where they start."""
    population = np.concatenate([build(name, 5, 3.5, seed, sigma=0.2).ask() for seed in range(20)])
    assert population.shape == (320, 5)
    assert population.std() == pytest.approx(0.7, rel=0.05)
    assert population.mean() == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("name", PAIRED)
def test_antithetic_pairs(name):
    first, second = np.split(build(name).ask(), 2)
    assert first == pytest.approx(-second)


def test_openai_es_takes_adams_step_along_the_rank_weighted_noise():
    """By hand: Adam's first step is the learning rate along the sign of the gradient."""
    strategy = build("openai_es", d=3, learning_rate=0.1, weight_decay=0.0)
    population = strategy.ask()
    returns = population @ np.array([1.0, -1.0, 2.0])
    gradient = ((np.argsort(np.argsort(returns)) / 15 - 0.5)[:, None] * population).sum(0)
    strategy.tell(population, returns)
    assert strategy.favourite() == pytest.approx(5.0 * 0.1 * np.sign(gradient), rel=1e-4)


def test_weight_decay_pulls_the_mean_to_zero():
    means = []
    for decay in (0.0, 0.5):
        strategy = build("openai_es", weight_decay=decay)
        run(strategy, 100)
        means.append(np.linalg.norm(strategy.favourite()))
    assert means[1] < 0.8 * means[0]


def test_centred_ranks_share_ties():
    assert centred_ranks(np.array([5.0, 1.0, 9.0])).tolist() == [0.0, -0.5, 0.5]
    assert centred_ranks(np.array([2.0, 2.0, 2.0])).tolist() == [0.0, 0.0, 0.0]
    assert centred_ranks(np.array([0.0, 3.0, 3.0, 3.0, 7.0])) == pytest.approx([-0.5, 0, 0, 0, 0.5])


# ---------------------------------------------------------------------------------- PGPE with ClipUp


def test_pgpe_follows_the_gradients_of_mean_and_width():
    """By hand, from one generation: the paper's equations for symmetric samples and ranks about 0."""
    strategy = build("pgpe", d=3, scale=2.0, popsize=6, sigma=0.2, learning_rate=0.03, sigma_learning_rate=0.5)
    population = strategy.ask()
    strategy.tell(population, np.array([9.0, 1.0, 4.0, 2.0, 7.0, 3.0]))
    ranks = np.array([0.5, -0.5, 0.1, -0.3, 0.3, -0.1])
    eps = population[:3] / 2.0
    mean = sum((ranks[i] - ranks[i + 3]) / 2 * eps[i] for i in range(3)) / 3
    width = sum((ranks[i] + ranks[i + 3]) / 2 * (eps[i] ** 2 - 0.04) / 0.2 for i in range(3)) / 3
    assert strategy.favourite() == pytest.approx(2.0 * 0.03 * np.sqrt(3) * mean / np.linalg.norm(mean))
    assert strategy.sigma == pytest.approx(0.2 + np.clip(0.5 * width, -0.04, 0.04))


def test_clipup_takes_steps_of_one_size_and_has_a_largest_speed():
    far, near = (clipup(np.zeros(2), length * np.array([0.6, 0.8]), 0.1) for length in (100.0, 0.001))
    assert far == pytest.approx(near)
    assert np.linalg.norm(far) == pytest.approx(0.1)
    for _ in range(20):
        far = clipup(far, np.array([0.6, 0.8]), 0.1)
    assert far == pytest.approx([0.12, 0.16])
    assert clipup(far, np.zeros(2), 0.1) == pytest.approx(0.9 * far)  # equal returns
    assert clipup(np.zeros(2), np.zeros(2), 0.1).tolist() == [0, 0]


def test_pgpe_takes_evosaxs_step():
    algorithms = pytest.importorskip("evosax.algorithms", reason="needs rl_intdim[evosax]")
    key = pytest.importorskip("jax").random.key(0)
    mine, theirs = build("pgpe", d=5, scale=1.0, sigma=0.3), algorithms.PGPE(16, np.zeros(5, np.float32))
    params = theirs.default_params.replace(std_init=0.3)
    population = mine.ask()
    mine.tell(population, sphere(population))
    state = theirs.init(key, np.zeros(5, np.float32), params)
    state, _ = theirs.tell(key, population.astype(np.float32), -sphere(population), state, params)
    assert mine.favourite() / np.linalg.norm(mine.favourite()) == pytest.approx(
        np.asarray(state.mean) / 0.01, rel=1e-3
    )
    assert mine.sigma == pytest.approx(np.asarray(state.std), rel=1e-4)


# --------------------------------------------------------------------------------------------------- evosax


@pytest.mark.slow  # each compiles for seconds
def test_every_algorithm_of_evosax_starts_as_wide_as_stated_learns_and_goes_on_to_the_bit():
    names = pytest.importorskip("rl_intdim.training.strategies.evosax", reason="needs rl_intdim[evosax]").NAMES
    for name in names:
        settings = {"algorithm": name}
        strategies.check(EvolutionAgent(name="x", trainer="evolution", strategy="evosax", settings=settings), 562)
        first = [build("evosax", 5, 3.5, seed, sigma=0.2, settings=settings).ask() for seed in range(20)]
        assert np.std(first) == pytest.approx(0.7, rel=0.06), name
        strategy = build("evosax", settings=settings)
        run(strategy, 200)
        assert sphere(strategy.favourite()[None]) > -0.3, name


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "algorithm=None: not known"),
        ({"algorithm": "SNAS"}, "Did you mean SNES"),
        ({"algorithm": "SNES", "lr_std": 1.0}, "Did you mean lr_std_init"),
    ],
)
def test_what_evosax_does_not_have(settings, said):
    pytest.importorskip("evosax", reason="needs rl_intdim[evosax]")
    with pytest.raises(ConfigError, match=said):
        strategies.check(EvolutionAgent(name="x", trainer="evolution", strategy="evosax", settings=settings), 10)


def test_settings_that_a_shipped_strategy_does_not_read():
    with pytest.raises(ConfigError, match=r"agent\.settings=.*cma does not read it, only evosax"):
        cli.load("sweep", ["++agent.settings.algorithm=SNES"])


def test_random_search_keeps_the_latest_of_equal_draws():
    """So that a lucky draw at the ceiling of the returns, which fails its confirmation, is not kept for ever."""
    strategy = build("random")
    seen = []
    for _ in range(3):
        strategy.tell(strategy.ask(), np.full(16, 500.0))
        seen.append(strategy.favourite()[0])
    assert len(set(seen)) == 3


# -------------------------------------------------------------------------------------------- CMA-ES


def test_cma_restarts_with_a_doubled_population_after_its_patience():
    strategy = build("cma", d=8, patience=4, growth=2)
    rising = iter(range(100))
    sizes = [len(p) for p in run(strategy, 8, lambda population: next(rising) + np.arange(len(population)))]
    assert sizes == [16] * 8
    falling = iter(range(0, -100, -1))
    sizes = [len(p) for p in run(strategy, 12, lambda population: next(falling) + np.arange(len(population)))]
    # 4 (1 + 8 / 16) without a rise; a fresh run's first generation is one, and 4 (1 + 8 / 32) more.
    assert sizes == [16] * 6 + [32] * 6
    assert len(strategy.ask()) == 64


def test_equal_returns_do_not_make_cma_restart_before_its_patience():
    """Sparse rewards: most generations of an unsolved MountainCar are all -200."""
    strategy = build("cma", d=8, patience=4)
    flat = [len(p) for p in run(strategy, 8, lambda population: np.full(len(population), -200.0))]
    assert flat == [16] * 7 + [32]


def test_no_file_of_the_current_folder_ends_a_run_of_cma():
    Path("cma_signals.in").write_text("{'tolx': 1e9}")
    strategy = build("cma", d=8, patience=1000)
    rising = iter(range(100))
    assert [len(p) for p in run(strategy, 8, lambda population: next(rising) + np.arange(len(population)))] == [
        16
    ] * 8


def test_cma_keeps_its_mean_to_be_looked_at_until_the_restart():
    strategy = build("cma", patience=3)
    run(strategy, 4)
    run(strategy, 4, lambda population: -100.0 - np.arange(len(population)))
    assert strategy.stuck()
    assert np.linalg.norm(strategy.favourite()) > 0.1
    strategy.ask()
    assert strategy.favourite().tolist() == [0] * 4


def test_cma_learns_a_full_covariance_up_to_a_d_and_its_diagonal_above():
    """A long valley across the axes: found with a full covariance only."""

    def valley(population):
        return -(population.sum(1) ** 2) * 1e4 - ((population[:, ::2] - population[:, 1::2] - 1) ** 2).sum(1)

    best = {}
    for above in (3, 4):
        strategy = build("cma", d=4, diagonal_above=above, patience=1000)
        run(strategy, 60, valley)
        best[above] = valley(strategy.favourite()[None])[0]
    assert best[4] > -1e-3 > best[3]


# ------------------------------------------------------------------------------- playing a population


def players(task, popsize=6, episodes=2, **settings):
    agent = EvolutionAgent(
        name="cma", trainer="evolution", strategy="cma", popsize=popsize, episodes=episodes, **settings
    )
    policy = environment.policy(task)
    return evolution.PopulationEvaluator(task, agent, policy, Subspace(policy.theta0(np.random.default_rng(0)), 5))


@pytest.mark.parametrize("common", [False, True])
def test_slices_equal_the_whole_population(echo, monkeypatch, common):
    task = echo("continuous")
    population = np.random.default_rng(1).normal(size=(12, 5))
    whole = players(task, popsize=12, common=common)
    assert (whole.slice, whole.envs.num_envs) == (12, 24)
    expected = whole.play(population, 3)
    for size in (1, 3, 4, 11):  # 11 does not divide 12: the next below that does is 6
        monkeypatch.setattr(evolution, "SEQUENTIAL_SLICE_BYTES", 4 * whole.policy.D * size)
        sliced = players(task, popsize=12, common=common)
        assert sliced.slice == {11: 6}.get(size, size)
        returns, steps = sliced.play(population, 3)
        assert returns == pytest.approx(expected[0], rel=1e-5)  # P's products round by their width
        assert steps == expected[1]


def test_a_population_larger_than_popsize_is_played_in_slices(echo):
    population = np.random.default_rng(1).normal(size=(12, 5))
    small, large = players(echo("continuous"), popsize=6), players(echo("continuous"), popsize=12)
    assert small.play(population, 3)[0] == pytest.approx(large.play(population, 3)[0], rel=1e-5)


@pytest.mark.parametrize("common", [False, True])
def test_a_population_equals_a_plain_loop_over_gymnasium_make(echo, common):
    task = echo("continuous")
    hall = players(task, common=common)
    population = np.random.default_rng(1).normal(size=(6, 5))
    seeds = np.random.SeedSequence(3).generate_state(2 if common else 12).astype(np.int64) >> 1
    expected = []
    for i, theta_d in enumerate(population):
        layers = hall.policy.layers(hall.subspace.theta(torch.from_numpy(theta_d).float())[None])
        total = 0.0
        for j in range(2):
            env = gym.make(task.id, **task.kwargs)
            obs, _ = env.reset(seed=int(seeds[j if common else 2 * i + j]))
            done = False
            while not done:
                x = torch.from_numpy(obs).view(1, 1, -1)
                action = hall.policy.actions(hall.policy.outputs(layers, x).numpy().reshape(1, -1))[0]
                obs, reward, terminated, truncated, _ = env.step(action)
                total, done = total + reward, terminated or truncated
        expected.append(total / 2)
    returns, steps = hall.play(population, 3)
    assert returns == pytest.approx(expected, rel=1e-5)
    assert steps == 120


def test_common_episodes_are_the_same_for_all_candidates(echo):
    same = np.tile(np.random.default_rng(1).normal(size=5), (6, 1))
    returns, _ = players(echo("continuous"), common=True).play(same, 3)
    assert len(set(returns.tolist())) == 1
    returns, _ = players(echo("continuous")).play(same, 3)
    assert len(set(returns.tolist())) == 6


def test_slices_of_a_native_vector_play_different_episodes():
    task = cli.load("sweep", ["env=CartPole", "env.vector=native"]).env
    same = np.tile(np.random.default_rng(1).normal(size=5) * 5, (12, 1))
    hall = players(task)
    returns, _ = hall.play(same, 3)
    again, _ = hall.play(same, 3)
    assert returns.tolist() == again.tolist() != np.tile(returns[:6], 2).tolist()
