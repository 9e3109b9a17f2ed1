"""Episodes in turn in one environment equal those of many side by side, to the last bit of every return."""

import numpy as np
import pytest
import torch
from factories import pictures

from rl_intdim.config import cli
from rl_intdim.tasks import environment, rollout, sequential, vector

N = 6  # slots, of three policies


@pytest.mark.parametrize(
    "words",
    [
        ["env=CartPole", "env.vector=slots"],
        ["env=MountainCarContinuous", "env.vector=slots", "env.max_episode_steps=30"],
        ["env=InvertedPendulum"],
        ["env=InvertedDoublePendulum", "env.policy.action=clip"],
        ["env=Humanoid", "env.policy.hidden=[16]"],
    ],
    ids=lambda words: words[0],
)
def test_they_equal_episodes_side_by_side(words):
    task = cli.load("sweep", words).env
    policy, rng = environment.policy(task), np.random.default_rng(2)
    theta = torch.stack([policy.theta0(rng) * scale for scale in (0.5, 1, 2)])
    beside = vector.SingleEpisodeVectorEnv([environment.make(task) for _ in range(N)], task.goal.info)
    inturn = vector.make_vec(task, N)
    assert isinstance(inturn, sequential.SequentialEpisodes)
    for seed in (5, rng.integers(2**31, size=N), 5):  # what came before leaves no trace
        played = [[a.tolist() for a in rollout.episodes(envs, policy, theta, seed)] for envs in (beside, inturn)]
        assert played[0] == played[1]
        assert inturn.reached.tolist() == beside.reached.tolist()
        assert len(set(played[0][0])) > 2


def test_policies_with_convolutions_are_played_in_batches(echo):
    task = pictures(echo)
    assert isinstance(vector.make_vec(task, 3), vector.SingleEpisodeVectorEnv)
    assert not vector.sequential(task)
