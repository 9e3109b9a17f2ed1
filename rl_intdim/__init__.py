"""Reinforcement-learning intrinsic dimension: the smallest random subspace in which a task is solved.

Li, Farkhoor, Liu, Yosinski, "Measuring the Intrinsic Dimension of Objective Landscapes", ICLR 2018,
https://arxiv.org/abs/1804.08838
"""

__version__ = "0.1.0"
