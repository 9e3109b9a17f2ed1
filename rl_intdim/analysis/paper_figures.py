"""The intrinsic dimensions that Li et al. report (ICLR 2018, arXiv 1804.08838), beside which ours are shown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PaperRow:
    """A figure of the paper."""

    task: str
    agent: str
    hidden: str
    D: int
    d_int: int


# The paper's figures, by its own rule and thresholds. It gives 8,000 to 9,000 for CIFAR-10 fully connected, by width;
# D there is that of 200-200, computed.
ROWS = [
    PaperRow("InvertedPendulum-v1", "ES", "20-20", 562, 4),
    PaperRow("CartPole-v0", "DQN", "20-20", 562, 25),
    PaperRow("CartPole-v0", "DQN", "400-400", 163_202, 40),
    PaperRow("Humanoid-v1", "ES", "256-256", 166_673, 700),
    PaperRow("Pong-v0", "ES", "ConvNet", 1_005_974, 6000),
    PaperRow("MNIST", "gradient", "200-200", 199_210, 750),
    PaperRow("MNIST", "gradient", "LeNet", 44_426, 290),
    PaperRow("CIFAR-10", "gradient", "200-200", 656_810, 9000),
    PaperRow("CIFAR-10", "gradient", "LeNet", 62_006, 2900),
]
