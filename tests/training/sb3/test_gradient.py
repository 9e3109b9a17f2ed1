"""Stable-Baselines3's algorithms in the subspace: one mechanism, held to the same promises for every agent file."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from factories import DISCRETE, KINDS, agent_of, crossq, pictures, small
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.sac.policies import SACPolicy

from rl_intdim.config import cli
from rl_intdim.config.schema import GradientAgent, Policy
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.subspace.subspace import flat
from rl_intdim.tasks import environment
from rl_intdim.tasks.output import hearing
from rl_intdim.training import gradient
from rl_intdim.training.sb3.model import build, set_precision
from rl_intdim.training.sb3.subspace_actor import SubspaceActor
from rl_intdim.training.sb3.vec_env import flat_pictures
from rl_intdim.training.seeding import draw_subspace
from rl_intdim.training.spec import TrialSpec
from rl_intdim.training.trial import run_trial

# ------------------------------------------------------------------------------------ what is held


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_sb3s_actor_acts_as_the_tasks_policy(echo, name, kind):
    """SB3's actor, held at theta, takes the very actions of our forward pass: same order, same output map."""
    task, agent = echo(kind), agent_of(name)
    policy = environment.policy(task)
    subspace, _ = draw_subspace(policy, "dense", 3, 0)
    model = build(task, agent, policy, 0)
    hold = SubspaceActor(model, agent, subspace)
    theta = subspace.theta(torch.zeros(3))
    assert torch.equal(flat(hold.actor).detach(), theta)
    obs = np.random.default_rng(0).uniform(-1, 1, (50, 2)).astype(np.float32)
    theirs = model.predict(obs, deterministic=True)[0]
    if kind == "continuous" and name in ("ppo", "a2c"):
        theirs = policy.actions(theirs)
    mine = policy.actions(policy.outputs(policy.layers(theta[None]), torch.from_numpy(obs)[None]).numpy()[0])
    assert theirs == pytest.approx(mine, abs=1e-5)


@pytest.mark.parametrize("extractor", ["shared", "separate"])
@pytest.mark.parametrize("name", DISCRETE)
def test_the_same_on_pictures(echo, name, extractor):
    task, agent = pictures(echo), agent_of(name, extractor=extractor)
    policy = environment.policy(task)
    subspace, _ = draw_subspace(policy, "dense", 3, 0)
    model = build(task, agent, policy, 0)
    SubspaceActor(model, agent, subspace)
    obs = np.random.default_rng(0).integers(0, 256, (50, 2, 12, 12), dtype=np.uint8)
    theta = subspace.theta(torch.zeros(3))[None]
    mine = policy.actions(policy.outputs(policy.layers(theta), torch.from_numpy(obs)[None]).numpy()[0])
    theirs = model.predict(flat_pictures(obs), deterministic=True)[0]
    assert len(set(mine)) == 2
    assert (theirs == mine).mean() > 0.95  # outputs that are nearly equal may round either way
    shared = model.policy.pi_features_extractor is model.policy.vf_features_extractor if name != "dqn" else True
    assert shared == (extractor == "shared" or name == "dqn")


def test_a_policy_without_noise_of_its_own_explores(echo):
    task = echo("continuous")
    model = build(task, agent_of("td3", noise=0.3), environment.policy(task), 0)
    model._setup_learn(100)
    model._last_obs = np.repeat(model.env.reset()[:1], 8, axis=0)  # eight times the same
    actions, _ = model._sample_action(0, model.action_noise, n_envs=8)
    assert 0.1 < actions.std() / 2 < 0.6  # Echo's actions reach from -2 to 2
    assert agent_of("td3").noise > 0


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_target_networks_start_at_theta0(echo, name, kind):
    task, agent = echo(kind), agent_of(name)
    policy = environment.policy(task)
    subspace, _ = draw_subspace(policy, "dense", 3, 0)
    model = build(task, agent, policy, 0)
    SubspaceActor(model, agent, subspace)
    targets = [n for n, _ in model.policy.named_children() if n.endswith("_target")]
    assert len(targets) == {"dqn": 1, "sac": 1, "tqc": 1, "td3": 2}.get(name, 0)
    for target in targets:
        source = getattr(model.policy, target.removesuffix("_target"))
        pairs = zip(getattr(model.policy, target).parameters(), source.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(("name", "kind"), [k for k in KINDS if k[0] != "ppo"])
def test_every_agent_learns_a_trivial_task(echo, name, kind):
    task = echo(kind, budget=8000, threshold=8.5)
    result = run_trial(TrialSpec(task, small(name), "dense", 8, 1))
    assert result.solved
    assert run_trial(TrialSpec(task, small(name), "dense", 0, 1)).score < 8.5


@pytest.mark.parametrize("extractor", ["shared", "separate"])
def test_ppo_learns_from_pictures(echo, extractor):
    agent = agent_of("ppo", multiplier=3, extractor=extractor, critic="{vf:[]}")
    result = run_trial(TrialSpec(pictures(echo, budget=6000), agent, "countsketch", 30, 1))
    assert result.solved


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_hidden_layers_in_bfloat16_round_what_float32_computes(echo, name, kind):
    agent, task = agent_of(name, precision="bfloat16"), echo(kind)
    model = build(task, agent, environment.policy(task), 0)
    layers = [m for m in model.policy.modules() if isinstance(m, torch.nn.Linear)]
    obs = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (50, 2)).astype(np.float32))
    types = []  # of the outputs of the actor's layers, in their order
    for layer in layers:
        layer.register_forward_hook(lambda *call: types.append(call[-1].dtype))
    exact = model.policy._predict(obs, deterministic=True)
    assert set(types) == {torch.float32}
    types.clear()
    set_precision(model, agent)
    rounded = model.policy._predict(obs, deterministic=True)
    assert types[0] == torch.bfloat16
    assert types[-1] == torch.float32  # the output layer
    if kind == "continuous":
        assert 0 < (rounded - exact).abs().max() < 0.02 * exact.abs().max()
        rounded.sum().backward()
        assert {p.grad.dtype for p in model.policy.parameters() if p.grad is not None} == {torch.float32}


@pytest.mark.parametrize("name", ["ppo", "dqn"])
def test_pictures_are_learned_in_bfloat16_and_scored_in_float32(echo, name):
    agent = replace(small(name), precision="bfloat16")
    spec = TrialSpec(pictures(echo, budget=6000), agent, "countsketch", 30, 1)
    result = run_trial(spec)
    assert result.curve[-1] != run_trial(replace(spec, agent=replace(agent, precision="float32"))).curve[-1]
    assert result.score > 5


def test_agents_share_theta0_and_P_to_the_bit(echo):
    """Whatever the agent, the parameters that it trains start at the same point of the same subspace."""
    starts = {}
    for name, kind in KINDS:
        task, agent = echo(kind), agent_of(name)
        policy = environment.policy(task)
        subspace, _ = draw_subspace(policy, "dense", 3, 7)
        hold = SubspaceActor(build(task, agent, policy, 0), agent, subspace)
        with torch.no_grad():
            hold.optimizer.theta_d.copy_(torch.arange(3.0))
        hold.optimizer.write()
        starts.setdefault(kind, []).append(flat(hold.actor).detach())
    for mine in starts.values():
        assert all(torch.equal(mine[0], other) for other in mine)


# ------------------------------------------------------------------------------------ what is refused


class WritesItsParameters(PPO):
    """As TRPO does: the actor does not step through the optimiser."""

    def train(self):
        super().train()
        with torch.no_grad():
            self.policy.action_net.bias.add_(1e-3)


def test_an_algorithm_that_writes_its_actor_is_refused_at_its_first_update(echo, monkeypatch):
    looks = []
    monkeypatch.setattr(SubspaceActor, "look", lambda self, evaluator, steps: looks.append(steps))
    for algorithm in (f"{__name__}.WritesItsParameters", "sb3_contrib.TRPO"):
        agent = agent_of("ppo", algorithm=algorithm)
        if algorithm.endswith("TRPO"):
            agent = replace(agent, settings={"n_steps": 32, "batch_size": 64})
        with pytest.raises(TrialFailure, match=r"cannot be held|is not theta0"):
            run_trial(TrialSpec(echo(), agent, "dense", 3, 0))
    assert looks == []


class Centred(FlattenExtractor):
    """Subtracts a running mean of its own, which starts at 0: a policy that nothing but itself knows."""

    def __init__(self, observation_space):
        super().__init__(observation_space)
        self.mean = 0.0

    def forward(self, observations):
        if self.training:
            self.mean = 0.99 * self.mean + 0.01 * (observations + 3.0).mean(0, keepdim=True).detach()
        return super().forward(observations) - self.mean


class CentredPolicy(ActorCriticPolicy):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs, features_extractor_class=Centred)


def test_a_policy_that_was_trained_otherwise_than_it_is_scored_fails(echo):
    agent = agent_of("ppo", policy=f"{__name__}.CentredPolicy")
    gradient.check(echo("continuous"), agent, environment.policy(echo("continuous")))
    with pytest.raises(TrialFailure, match="was trained as another policy than is scored"):
        run_trial(TrialSpec(echo("continuous", threshold=1e9), agent, "dense", 3, 0))


class Unsquashed(SACPolicy):
    squash_output = property(lambda self: False)


def test_a_policy_that_does_not_squash_fits_no_algorithm_that_needs_it(echo):
    task, agent = echo("continuous"), agent_of("sac", policy=f"{__name__}.Unsquashed")
    with pytest.raises(ConfigError, match="does not squash its actions"):
        gradient.check(task, agent, environment.policy(task))


class Overruns(PPO):
    def collect_rollouts(self, env, callback, rollout_buffer, n_rollout_steps):
        self.num_timesteps += 5 * self.n_envs
        return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)


def test_an_algorithm_that_runs_past_the_budget_fails(echo):
    agent = agent_of("ppo", algorithm=f"{__name__}.Overruns")
    with pytest.raises(TrialFailure, match=r"Overruns took [\d,]+ env steps of 2,048"):
        run_trial(TrialSpec(echo(budget=2048, threshold=1e9), agent, "dense", 3, 0))


def test_a_trial_that_learned_nothing_says_so(echo):
    agent = small("dqn")
    agent = replace(agent, settings=agent.settings | {"gradient_steps": 0})
    said = []
    with hearing(said.append):
        run_trial(TrialSpec(echo(threshold=1e9, budget=1000), agent, "dense", 3, 0))
        run_trial(TrialSpec(echo(threshold=1e9, budget=1000), small("dqn"), "dense", 3, 0))
    assert said == ["agent=dqn learned nothing: theta_d was 0 at every look."]


def test_checkpoints_that_cut_training_episodes_off_are_named(echo):
    said = []
    task = cli.load("sweep", ["env=CartPole", "env.checkpoint=3_999"]).env
    gradient.check(task, agent_of("ppo"), environment.policy(task), said.append)
    assert said == [
        "Note: env.checkpoint=3,999: each begins new episodes, so none of the 8 environments comes much beyond 499 "
        "of its 500 env steps while training. From 4,000 on whole episodes fit."
    ]
    gradient.check(replace(task, checkpoint=4000), agent_of("ppo"), environment.policy(task), said.append)
    assert len(said) == 1


class TrainsAfterEpisodes(SAC):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs, train_freq=(2, "episode"))


def test_an_algorithm_that_trains_after_whole_episodes_is_refused(echo):
    """They would run past the budget, which is a limit."""
    agent = agent_of("sac", algorithm=f"{__name__}.TrainsAfterEpisodes", n_envs=1)
    settings = {key: value for key, value in agent.settings.items() if key != "train_freq"}
    task = echo("continuous", budget=1995)
    with pytest.raises(ConfigError, match=r"after whole episodes.*valid: agent\.settings\.train_freq=1"):
        gradient.check(task, replace(agent, settings=settings), environment.policy(task))


class NoOptimizer(PPO):
    def _setup_model(self):
        super()._setup_model()
        self.policy.optimizer = None


def test_an_actor_without_an_optimizer_is_refused(echo):
    agent = agent_of("ppo", algorithm=f"{__name__}.NoOptimizer")
    with pytest.raises(ConfigError, match="cannot be held in a subspace"):
        gradient.check(echo(), agent, environment.policy(echo()))


class SgdSAC(SAC):
    """An algorithm of a user's own that steps its actor by another optimiser than the policy's."""

    def _setup_model(self):
        super()._setup_model()
        self.actor.optimizer = torch.optim.SGD(self.actor.parameters(), lr=1e-2, momentum=0.9)


class Broken(PPO):
    """An algorithm of a user's own that fails."""

    def __init__(self, *args, **kwargs):
        raise KeyError("nothing")


@pytest.mark.parametrize(
    ("name", "kind", "changes", "said"),
    [
        ("ppo", "discrete", {"free": "[mlp_extractor.value_net]"}, "does not name value_net.bias, value_net.weight"),
        ("dqn", "discrete", {"free": "[]"}, r"free=\[\]: does not name q_net_target\.\S*, .* trains too"),
        ("sac", "continuous", {"free": "[actor.log_std, critic_target]"}, r"does not name critic\.qf0\."),
        ("ppo", "discrete", {"actor": "[action_net]"}, "18 parameters, and the task's policy has 42"),
        ("ppo", "discrete", {"actor": "[actor_net]"}, "no such module. Did you mean action_net.*, mlp_extr"),
        ("ppo", "continuous", {"actor": "[]"}, r"actor=\[\]: name the modules .* Valid: action_net, .*log_std"),
        ("sac", "continuous", {"algorithm": "sb3_contrib.CrossQ"}, "the task's policy has .*, without BatchRenorm1d"),
        ("ppo", "discrete", {"algorithm": "gymnasium.Env"}, "not a Stable-Baselines3 algorithm"),
        (
            "dqn",
            "continuous",
            {},
            "agent=dqn: .* does not take the continuous actions of env=Echo; valid here: .*sac",
        ),
        ("sac", "discrete", {}, "agent=sac: .* does not take the discrete actions of env=Echo; valid here: .*dqn"),
        ("ppo", "discrete", {"settings": "{n_stpes: 3}"}, "n_stpes"),
        ("ppo", "discrete", {"settings": "{learning_rate: lin_fast}"}, "'lin_fast'.*lin_1e-3"),
        ("ppo", "discrete", {"settings": "{ent_coef: lin_0.01}"}, "ent_coef=lin_0.01: takes no .*clip_range_vf"),
        ("sac", "continuous", {"settings": "{use_sde: true}"}, "at large outputs .* on 0% of 64 .*clip_mean=0"),
        ("sac", "continuous", {"algorithm": f"{__name__}.SgdSAC"}, "actor by SGD, and its policy names Adam"),
        (
            "ppo",
            "discrete",
            {"policy_kwargs": "{net_arch: [3]}"},
            "policy_kwargs.net_arch: the network is the task's",
        ),
        ("ppo", "discrete", {"policy_kwargs": "{log_std: 1}"}, "unexpected keyword argument 'log_std'"),
        ("ppo", "discrete", {"policy": "plain_crossq.PlainActrPolicy"}, "Did you mean PlainActorPolicy"),
        (
            "dqn",
            "discrete",
            {"free": "[q_net_taget]"},
            "free=q_net_taget: .*no such module.*mean q_net_target",
        ),
        ("ppo", "discrete", {"free": "[optimizer]"}, "agent.free=optimizer: is no module of the policy. Valid: "),
        ("ppo", "discrete", {"critic": "{qf: [64]}"}, "agent.critic.qf: .*PPO does not read it; valid: vf"),
        (
            "dqn",
            "discrete",
            {"settings": "{learning_starts: 100_000}"},
            "learns only after .*learning_starts=100,000",
        ),
        ("dqn", "discrete", {"settings": "{train_freq: 0}"}, "agent.settings.train_freq=0: must be at least 1"),
        ("ppo", "discrete", {"algorithm": f"{__name__}.Broken"}, r"Broken: KeyError.*test_gradient.py, line"),
    ],
)
def test_mistakes(echo, name, kind, changes, said):
    task = echo(kind)
    with pytest.raises(ConfigError, match=said):
        gradient.check(task, agent_of(name, **changes), environment.policy(task))


def test_state_dependent_exploration_fits_where_it_cuts_no_output_off(echo):
    task, agent = echo("continuous"), agent_of("sac", settings="{use_sde: true}", policy_kwargs="{clip_mean: 0}")
    gradient.check(task, agent, environment.policy(task))


@pytest.mark.parametrize(("name", "part"), [("ppo", "vf"), ("sac", "qf")])
def test_the_size_of_a_critic_is_given(echo, name, part):
    task = echo("continuous")
    with pytest.raises(ConfigError, match=rf"agent\.critic: empty, and .*; valid: agent\.critic\.{part}=\[64,64\]"):
        gradient.check(task, replace(agent_of(name), critic={}), environment.policy(task))


def test_a_clipped_action_fits_no_algorithm_that_squashes(echo):
    task = echo("continuous", policy=Policy(hidden=[8], action="clip"))
    with pytest.raises(ConfigError, match="squashes actions itself; valid here: tanh"):
        gradient.check(task, agent_of("sac"), environment.policy(task))
    gradient.check(task, agent_of("ppo"), environment.policy(task))


def test_a_schedule_falls_to_nothing_at_the_whole_budget(echo):
    task, agent = echo(budget=1000), agent_of("ppo", settings="{learning_rate: lin_1e-2, n_steps: 25}")
    policy, rates = environment.policy(task), []
    subspace, _ = draw_subspace(policy, "dense", 4, 0)
    model = build(task, agent, policy, 0)
    hold = SubspaceActor(model, agent, subspace)
    real = hold.optimizer.step
    hold.optimizer.step = lambda *args: rates.append(hold.optimizer.param_groups[0]["lr"]) or real(*args)
    model.learn(1000)
    # Read after each rollout of 25 steps of eight environments.
    assert list(dict.fromkeys(rates)) == pytest.approx([8e-3, 6e-3, 4e-3, 2e-3, 0])


def test_the_noise_of_a_policy_can_be_set(echo):
    task = echo("continuous")
    model = build(task, agent_of("ppo", policy_kwargs="{log_std_init: -2}"), environment.policy(task), 0)
    assert model.policy.log_std.tolist() == [-2.0]


def test_rewards_are_normalised_in_training_alone(echo):
    """A hundred times the reward: learning sees the same, scoring does not."""
    task, agent = echo("continuous", threshold=10.01, budget=2000), agent_of("ppo", normalize_reward=True)
    one = run_trial(TrialSpec(task, agent, "dense", 3, 0))
    wrapped = replace(task, wrappers=["factories.Hundredfold"])
    hundred = run_trial(TrialSpec(wrapped, agent, "dense", 3, 0))
    assert hundred.score == pytest.approx(100 * one.score, rel=0.02)
    assert hundred.theta_d == pytest.approx(one.theta_d, abs=0.1)


def test_a_policy_of_ones_own_and_batch_normalisation_in_the_critic(echo):
    task = echo("continuous", threshold=8.5)
    result = run_trial(TrialSpec(task, crossq(), "dense", 3, 0))
    assert result.solved


def test_the_log_of_sb3_goes_to_tensorboard(echo, tmp_path):
    run_trial(TrialSpec(echo(budget=2000), agent_of("ppo"), "dense", 3, 0, tensorboard=str(tmp_path / "logs")))
    assert list((tmp_path / "logs").glob("*/events.out.tfevents.*"))


def test_the_catalogues_gradient_agents_are_those_tested_here():
    names = cli.register([])["agent"]
    assert {n for n in names if isinstance(agent_of(n), GradientAgent)} == {n for n, _ in KINDS}
