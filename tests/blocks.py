"""A projection of a user's own: each coordinate of theta_d moves one block of neighbouring parameters."""

import torch


class Blocks:
    nested = False

    def __init__(self, D, d, rng):
        self.d = d
        self.block = torch.arange(D) * d // D  # of each parameter
        signs = torch.from_numpy(rng.choice([-1.0, 1.0], D))
        self.values = (signs / self.block.bincount().sqrt()[self.block]).float()

    @staticmethod
    def memory(D, d):
        return 12 * D

    def apply(self, theta_d):
        return theta_d[..., self.block] * self.values

    def adjoint(self, g_D):
        return self.values.new_zeros(self.d).index_add_(0, self.block, self.values * g_D)

    def to(self, device, dtype):
        self.block, self.values = self.block.to(device), self.values.to(device, dtype)
        return self
