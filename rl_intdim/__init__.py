"""Reinforcement-learning intrinsic dimension: the smallest random subspace in which a task is solved.

Li, Farkhoor, Liu, Yosinski, "Measuring the Intrinsic Dimension of Objective Landscapes", ICLR 2018,
https://arxiv.org/abs/1804.08838
"""

__version__ = "0.2.0"


def __getattr__(name: str) -> object:
    """`intrinsic_dimension`, imported on first use, so that the commands report a mistake at once."""
    if name == "intrinsic_dimension":
        from rl_intdim.api import intrinsic_dimension

        return intrinsic_dimension
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
