"""The subspace theta = theta0 + P theta_d, and a torch optimiser that trains in it, for any torch program.

Li et al. 2018, https://arxiv.org/abs/1804.08838. They work with any torch module and optimiser:

    subspace = Subspace(module, d=25, projection="sparse", seed=0)
    optimizer = SubspaceOptimizer(subspace, torch.optim.Adam, lr=0.01)
    loss.backward(); optimizer.step()
"""

from rl_intdim.subspace.optimizer import SubspaceOptimizer
from rl_intdim.subspace.subspace import Subspace

__all__ = ["Subspace", "SubspaceOptimizer"]
