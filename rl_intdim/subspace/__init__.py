"""The subspace theta = theta0 + P theta_d, and the torch optimiser that lives in it, for any torch program.

Li et al. 2018, https://arxiv.org/abs/1804.08838. Any torch module and any torch optimiser:

    subspace = Subspace(module, d=25, projection="sparse", seed=0)
    optimizer = SubspaceOptimizer(subspace, torch.optim.Adam, lr=0.01)
    loss.backward(); optimizer.step()
"""

from rl_intdim.subspace.optimizer import SubspaceOptimizer
from rl_intdim.subspace.subspace import Subspace

__all__ = ["Subspace", "SubspaceOptimizer"]
