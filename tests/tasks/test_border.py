"""What an environment may get wrong, in training and in scoring: the right number, or a failure with its reason."""

import sys
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from factories import agent_of

from rl_intdim import runners
from rl_intdim.config.schema import Conv, Goal, Policy
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.tasks import environment, rollout, vector
from rl_intdim.tasks.border import Border, VectorBorder
from rl_intdim.training.sb3.model import training_envs
from rl_intdim.training.spec import TrialSpec
from rl_intdim.training.trial import check, run_trial


class Faulty(gym.Env):
    """Three steps an episode, one point each, and one fault from the second step on."""

    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)
    seeds: tuple[int, ...] = ()

    def __init__(self, fault: str = "none") -> None:
        self.fault, self.array = fault, np.zeros(2, np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        Faulty.seeds = (*Faulty.seeds, seed)
        self.t = 0
        self.array[:] = 0
        return np.zeros(2, int) if self.fault == "integers at reset" else self.array, {}

    def step(self, action):
        self.t += 1
        obs, reward, info = np.full(2, self.t / 4, np.float32), 1.0, {}
        if self.fault == "reused array":
            self.array[:] = obs
            obs = self.array
        if self.fault == "float64 observation":
            obs = obs.astype(float)
        if self.t > 1:
            match self.fault:
                case "NaN observation":
                    obs = np.array([np.nan, 0], np.float32)
                case "infinite observation":
                    obs = np.array([0, -np.inf], np.float32)
                case "beyond float32":
                    obs = np.array([0, 1e60])
                case "wrong shape":
                    obs = np.zeros(1, np.float32)
                case "words":
                    obs = ["a", "b"]
                case "NaN reward":
                    reward = np.nan
                case "no reward":
                    reward = None
                case "two rewards":
                    reward = np.ones(2)
                case "integer reward":
                    reward = 1
                case "an array of one reward":
                    reward = np.ones(1)
                case "raises":
                    raise RuntimeError("simulator\nlost")
                case "exits":
                    sys.exit(0)
        if self.fault.startswith("info"):
            info = {"done": {"info True": np.True_, "info 2": np.int8(2)}.get(self.fault, np.float64("nan"))}
        return obs, reward, False, self.fault != "endless" and self.t >= 3, info

    def close(self):
        if self.fault == "raises when closed":
            raise RuntimeError("viewer is gone")


gym.register("test/Faulty-v0", Faulty)

FAULTS = {
    "NaN observation": "step returned an observation with nan",
    "infinite observation": "step returned an observation with -inf",
    "beyond float32": r"step returned an observation with 1e\+60",
    "wrong shape": r"shape \(1,\); its observation space is Box",
    "words": "an observation of type <U1",
    "NaN reward": "a reward of nan",
    "no reward": "the reward None, which is not a number",
    "two rewards": r"the reward \[1. 1.\], which is not a number",
    "raises": r"step raised RuntimeError: simulator lost \(test_border.py, line \d+, in step\)",
    "exits": r"step raised sys.exit\(0\) \(test_border.py",
}
FINE = ["none", "integers at reset", "float64 observation", "integer reward", "an array of one reward"]


@pytest.fixture
def faulty(echo):
    def task(fault, **changes):
        return echo(id="test/Faulty-v0", kwargs={"fault": fault}, **changes)

    return task


def score(task):
    policy = environment.policy(task)
    return rollout.episodes(vector.make_vec(task, 2), policy, torch.zeros(1, policy.D), 0)


def train(task, steps=6):
    envs = training_envs(task, agent_of("ppo", n_envs=2), environment.policy(task), 0)
    seen = [envs.reset()]
    ends = []
    for _ in range(steps):
        obs, rewards, _, infos = envs.step(np.zeros(2, int))
        assert rewards.tolist() == [1, 1]
        seen.append(obs)
        ends += [info["terminal_observation"] for info in infos if "terminal_observation" in info]
    return np.stack(seen), ends


@pytest.mark.parametrize("play", [score, train])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_environment_fails_the_trial_with_its_reason(faulty, fault, play):
    with pytest.raises(TrialFailure, match=FAULTS[fault]) as caught:
        play(faulty(fault))
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:.*WARN")  # Gymnasium's own checks advise against them
@pytest.mark.parametrize("fault", FINE)
def test_what_can_be_converted_is_as_if_it_had_come_so(faulty, fault):
    returns, lengths = score(faulty(fault))
    assert (returns.tolist(), lengths.tolist()) == ([3, 3], [3, 3])
    assert train(faulty(fault))[0].tolist() == train(faulty("none"))[0].tolist()
    env = environment.make(faulty(fault))
    assert env.reset(seed=0)[0].dtype == np.float32
    assert env.step(0)[0].tolist() == [0.25, 0.25]


@pytest.mark.filterwarnings("ignore:.*WARN")
def test_the_last_observation_of_an_episode_outlives_a_reset(faulty):
    _, ends = train(faulty("reused array"))
    assert [end.tolist() for end in ends] == [[0.75, 0.75]] * 4


def test_every_seed_is_below_two_to_the_31(faulty, monkeypatch):
    monkeypatch.setattr(Faulty, "seeds", ())
    task = faulty("none")
    policy = environment.policy(task)
    rollout.episodes(vector.make_vec(task, 50), policy, torch.zeros(1, policy.D), 3)
    training_envs(task, agent_of("ppo", n_envs=8), policy, 2**31 - 2).reset()
    drawn = [seed for seed in Faulty.seeds if seed is not None]
    assert len(set(drawn)) >= 58
    assert all(0 <= seed < 2**31 for seed in drawn)


class Seeds(gym.vector.VectorEnv):
    num_envs = 3
    single_observation_space = gym.spaces.Box(-1, 1, (2,), np.float64)

    def reset(self, *, seed=None, options=None):
        self.seed = seed
        return np.zeros((3, 2), np.float32), {}

    def step(self, actions):
        return np.full((3, 2), actions[0]), np.array(actions[1]), *np.zeros((2, 3), bool), {}


def test_a_vectorised_environment_passes_the_same_border():
    for per_slot, seed, expected in (
        (True, 2**31 - 1, [2**31 - 1, 0, 1]),
        (True, np.array([5, 2**31, 2**32 - 1]), [5, 0, 2**31 - 1]),
        (False, 2**31 + 7, 7),
    ):
        envs = VectorBorder(Seeds(), per_slot)
        obs, _ = envs.reset(seed=seed)
        assert np.array_equal(envs.unwrapped.seed, expected)
        assert obs.dtype == np.float64
    assert envs.step((0.5, [1.0, 2, 3]))[1].tolist() == [1, 2, 3]
    for actions, said in (((np.nan, [1.0] * 3), "observation with nan"), ((0, [1, np.inf, 1]), "reward with inf")):
        with pytest.raises(TrialFailure, match=said):
            envs.step(actions)


# ------------------------------------------------------------------------------------ ends of episodes


@pytest.mark.parametrize("vec", ["slots", "native", "atari"])
def test_an_episode_is_cut_off_as_a_truncation(echo, vec):
    task = echo(id="ALE/Pong-v5" if vec == "atari" else "CartPole-v1", kwargs={}, vector=vec, max_episode_steps=5)
    envs = vector.SingleEpisodeVectorEnv([environment.make(task)]) if vec == "slots" else vector.make_vec(task, 1)
    envs.reset(seed=1)
    ends = [envs.step(np.array([i % 2]))[2:4] for i in range(5)]
    assert [bool(truncated[0]) for _, truncated in ends] == [False] * 4 + [True]
    assert not any(terminated[0] for terminated, _ in ends)
    if vec != "native":
        task = replace(task, policy=Policy(conv=[Conv(1, 8, 8)] if vec == "atari" else []))
        trained = training_envs(task, agent_of("ppo", n_envs=1), environment.policy(task), 1)
        trained.reset()
        dones = [trained.step(np.array([i % 2]))[2:] for i in range(5)]
        assert [done[0] for done, _ in dones] == [False] * 4 + [True]
        assert dones[-1][1][0]["TimeLimit.truncated"]


def test_no_limit_is_longer_than_the_environments_own(echo):
    task = echo(id="MountainCar-v0", kwargs={}, max_episode_steps=1000)
    with pytest.raises(ConfigError, match=r"env\.max_episode_steps=1000: MountainCar-v0 ends its episodes after 200"):
        environment.make(task)
    longer = environment.make(replace(task, kwargs={"max_episode_steps": 1000}))
    assert longer.spec.max_episode_steps == 1000


def test_an_episode_without_end_is_told_before_and_fails(faulty, monkeypatch):
    monkeypatch.setattr(vector, "LONG", 50)
    task, said = faulty("endless", budget=20), []
    check(task, agent_of("cma"), say=said.append)
    assert sum("test/Faulty-v0 has no time limit" in note for note in said) == 1
    with pytest.raises(TrialFailure, match=r"not ended after 50 env steps.*env.max_episode_steps"):
        score(task)
    limited = replace(task, max_episode_steps=70)
    assert score(limited)[1].tolist() == [70, 70]
    check(limited, agent_of("cma"), say=said.append)
    assert sum("no time limit" in note for note in said) == 1


# ------------------------------------------------------------------------------------ goals, and words


def reached(task):
    policy, rng = environment.policy(task), np.random.default_rng(0)
    return rollout.score_episodes(vector.make_vec(task, 2), policy, torch.zeros(policy.D), 2, rng)


@pytest.mark.parametrize(("fault", "expected"), [("info True", 1.0), ("info 2", 2.0)])
def test_a_goal_may_be_any_real_number_or_a_boolean(faulty, fault, expected):
    assert reached(faulty(fault, goal=Goal("done")))[1] == expected


def test_a_goal_that_is_nan_fails_the_trial(faulty):
    with pytest.raises(TrialFailure, match=r"env.goal.info=done: .* nan"):
        reached(faulty("info nan", goal=Goal("done")))
    with pytest.raises(ConfigError, match="Did you mean done"):
        reached(faulty("info 2", goal=Goal("don")))


@pytest.mark.parametrize("agent", ["cma", "ppo", "dqn"])
@pytest.mark.parametrize("fault", ["raises", "exits", "NaN reward", "NaN observation"])
def test_a_trial_that_breaks_down_says_where_in_one_line(faulty, agent, fault):
    failed = runners.attempt(TrialSpec(faulty(fault, budget=100), agent_of(agent), "dense", 2, 0))
    assert isinstance(failed, runners.TrialError)
    assert "\n" not in failed.message
    assert len(failed.message) < 300
    if fault in ("raises", "exits"):
        assert "in step" in failed.traceback
        assert "test_border.py" in failed.traceback
        assert "sys.exit(0)" in failed.traceback or "simulator" in failed.traceback


def test_the_border_lets_other_spaces_through_to_be_named():
    class Other(Faulty):
        observation_space = gym.spaces.Discrete(3)

        def reset(self, *, seed=None, options=None):
            return 1, {}

    assert Border(Other()).reset()[0] == 1


@pytest.mark.parametrize("slots", [1, 2])
def test_an_environment_that_cannot_be_closed_loses_no_result(echo, slots):
    task = echo(id="test/Faulty-v0", kwargs={"fault": "raises when closed"})
    envs = vector.make_vec(task, slots)
    with pytest.warns(UserWarning, match="close raised"):
        policy = environment.policy(task)
    assert rollout.episodes(envs, policy, torch.zeros(1, policy.D), seed=0)[0].tolist() == [3.0] * slots
    with pytest.warns(UserWarning, match="close raised RuntimeError: viewer is gone"):
        envs.close()


class Adrift(gym.Env):
    """Draws from numpy's global generator."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.random.uniform(-1, 1, 1).astype(np.float32), {}  # noqa: NPY002

    def step(self, action):
        return np.zeros(1, np.float32), np.random.uniform(), False, True, {}  # noqa: NPY002


gym.register("test/Adrift-v0", Adrift)


class Drawn(gym.Env):
    """Draws its level when it is made, or an episode's start from a generator that is made anew or goes on."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, how):
        self.how, self.rng = how, np.random.default_rng(0 if how == "goes on" else None)
        self.level = self.rng.uniform(-1, 1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if self.how == "anew":
            self.rng = np.random.default_rng(seed)
        if self.how != "made":
            self.level = self.rng.uniform(-1, 1)
        return np.array([self.level], np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), 0.0, False, True, {}


gym.register("test/Drawn-v0", Drawn)


@pytest.mark.parametrize("how", ["made", "anew", "goes on"])
def test_what_is_drawn_apart_from_an_episodes_seed_is_told(echo, how):
    """Training resets without seeds, in environments of its own."""
    with pytest.warns(UserWarning, match="or the starts of those after them"):
        environment.warn_if_unrepeatable(echo(id="test/Drawn-v0", kwargs={"how": how}))


class Wide(gym.Env):
    """Actions as large as a float goes, which a simulator may not stand."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gym.spaces.Box(-np.finfo(np.float64).max, np.finfo(np.float64).max, (1,), np.float64)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        assert abs(action[0]) < 1e6
        return np.zeros(1, np.float32), 1.0, False, True, {}


gym.register("test/Wide-v0", Wide)


def test_an_environment_is_tried_by_actions_that_a_policy_takes(echo):
    task = echo("continuous", id="test/Wide-v0", kwargs={}, budget=300, threshold=2.0)
    task = replace(task, policy=replace(task.policy, action="clip"))
    assert run_trial(TrialSpec(task, agent_of("cma"), "dense", 2, 0)).score == 1.0


def test_an_environment_whose_episodes_differ_at_one_seed_is_told_and_its_trials_repeat(echo):
    trial = TrialSpec(echo(id="test/Adrift-v0", kwargs={}, budget=300), agent_of("cma"), "dense", 2, 0)
    with pytest.warns(UserWarning, match="two episodes with one seed and the same actions differ"):
        first = run_trial(trial)
    with pytest.warns(UserWarning, match="two episodes"):
        second = run_trial(trial)
    assert first.curve == second.curve
    assert first.theta_d == second.theta_d
    run_trial(replace(trial, task=echo(budget=300)))  # warns of nothing
