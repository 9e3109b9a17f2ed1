"""The actor of an SB3 algorithm in a subspace: a SubspaceOptimizer replaces the optimiser that steps it.

Modules that the agent's file lists under `actor` train in the subspace, those under `free` outside it. If anything
else changes, the trial fails.
"""

from collections.abc import Iterable
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from rl_intdim.config.schema import GradientAgent
from rl_intdim.errors import ConfigError, TrialFailure, choices
from rl_intdim.subspace.optimizer import SubspaceOptimizer
from rl_intdim.subspace.projections import Identity
from rl_intdim.subspace.subspace import Subspace, flat
from rl_intdim.training.evaluator import Evaluator


class SubspaceActor:
    """The actor of an SB3 policy, held at theta0 + P theta_d, with a check that nothing else has changed."""

    def __init__(self, model: BaseAlgorithm, agent: GradientAgent, subspace: Subspace) -> None:
        self.policy: Any = model.policy
        self.algorithm = agent.algorithm
        if not agent.actor:
            raise ConfigError(
                "agent.actor=[]: name the modules that the deterministic action depends on, in the order of the "
                f"network's parameters. {choices('', self._modules())}"
            )
        self.actor = self._parameters(agent.actor, "agent.actor")
        size = sum(p.numel() for p in self.actor)
        if size != subspace.D:
            others = self._other_layers(agent.actor)
            raise ConfigError(
                f"agent.actor={agent.actor}: {size} parameters, and the task's policy has {subspace.D}"
                + (f", without {', '.join(others)}." if others else ".")
            )
        held = _ids(self.actor)
        missing = [name for name in agent.free if not self._has(name)]  # log_std, say, where actions are discrete
        present = [name for name in agent.free if name not in missing]
        free = [p for p in self._parameters(present, "agent.free") if id(p) not in held]
        mine = held | _ids(free)
        owner = self._owner()
        stepped = _stepped(owner)
        unheld = [name for name, p in self.policy.named_parameters() if id(p) not in mine]
        if missing and unheld:
            raise ConfigError(
                f"agent.free={missing[0]}: {type(self.policy).__name__} has no such module, and {unheld[0]} is "
                f"neither in agent.actor nor in agent.free. {choices(missing[0], self._modules())}"
            )
        names = {id(p): name for name, p in self.policy.named_parameters()}
        if unnamed := [names.get(i, "?") for i in self._trained() - mine]:
            raise ConfigError(
                f"agent.free={agent.free}: does not name {', '.join(sorted(unnamed))}, which {agent.algorithm} "
                "trains too."
            )
        scale = 1.0 if isinstance(subspace.projection, Identity) else agent.multiplier * subspace.step_scale
        # The inner optimiser is the policy's, with its settings.
        optimizer_class, settings = self.policy.optimizer_class, owner.optimizer.defaults
        if isinstance(optimizer_class, type) and type(owner.optimizer) is not optimizer_class:
            raise ConfigError(
                f"agent.algorithm={agent.algorithm}: steps its actor by {type(owner.optimizer).__name__}, and its "
                f"policy names {optimizer_class.__name__}; valid: one optimiser, its optimizer_class."
            )
        own = {k: v for k, v in settings.items() if k == "lr" or k in self.policy.optimizer_kwargs}
        beside = [p for p in free if id(p) in stepped]  # other free parameters have their own optimiser, or none
        self.optimizer = SubspaceOptimizer(subspace, optimizer_class, self.actor, beside, scale, **own)
        owner.optimizer = self.optimizer
        for name, target in self.policy.named_children():
            if name.endswith("_target"):  # a copy made before theta0 was written
                target.load_state_dict(getattr(self.policy, name.removesuffix("_target")).state_dict())
        # A buffer, such as batch normalisation's running mean, is free if its module is.
        buffers = {
            id(b) for n, b in self.policy.named_buffers() if _under(n, agent.free) and not _under(n, agent.actor)
        }
        self.still = {
            n: t.detach().clone()
            for n, t in self.policy.state_dict(keep_vars=True).items()
            if id(t) not in mine | buffers
        }

    def _has(self, name: str) -> bool:
        part = self.policy
        for word in name.split("."):
            part = getattr(part, word, None)
        return part is not None

    def _modules(self) -> list[str]:
        """What an agent's file may name: the policy's modules, without numbered layers, and its own parameters."""
        modules = [name for name, _ in self.policy.named_modules() if not any(map(str.isdigit, name.split(".")))]
        return [name for name in modules if name] + [name for name, _ in self.policy.named_parameters(recurse=False)]

    def _parameters(self, names: list[str], key: str) -> list[torch.nn.Parameter]:
        """The policy's parameters of these names, or in the modules of these names, in this order."""
        parameters: list[torch.nn.Parameter] = []
        for name in names:
            part: Any = self.policy
            for word in name.split("."):
                if not hasattr(part, word):
                    none = f"{type(self.policy).__name__} has no such module"
                    raise ConfigError(f"{key}={name}: {none}. {choices(name, self._modules())}")
                part = getattr(part, word)
            if not isinstance(part, torch.nn.Module | torch.nn.Parameter):
                raise ConfigError(f"{key}={name}: is no module of the policy. {choices(name, self._modules())}")
            parameters += [part] if isinstance(part, torch.nn.Parameter) else list(part.parameters())
        return parameters

    def _other_layers(self, names: list[str]) -> list[str]:
        """The kinds of layers with parameters in these modules that no task's network has, such as BatchRenorm1d."""
        layers = [
            m
            for name, m in self.policy.named_modules()
            if _under(name, names) and any(True for _ in m.parameters(recurse=False))
        ]
        return sorted({type(m).__name__ for m in layers if not isinstance(m, torch.nn.Linear | torch.nn.Conv2d)})

    def _owner(self) -> Any:
        """The module whose `optimizer` steps the whole actor."""
        for module in self.policy.modules():
            if _ids(self.actor) <= _stepped(module):
                return module
        raise ConfigError(
            f"agent.algorithm={self.algorithm}: its actor does not step through one optimizer of its policy, so it "
            "cannot be held in a subspace."
        )

    def _trained(self) -> set[int]:
        """The parameters that an optimiser steps or that follow others: what moves, as far as it can be foreseen."""
        targets = (p for name, p in self.policy.named_parameters() if name.partition(".")[0].endswith("_target"))
        return set().union(_ids(targets), *map(_stepped, self.policy.modules()))

    def look(self, evaluator: Evaluator, env_steps: int) -> bool:
        """Check that nothing outside the subspace has changed, then look at the policy."""
        state = self.policy.state_dict()
        moved = [name for name, before in self.still.items() if not torch.equal(before, state[name])]
        if moved:
            raise TrialFailure(
                f"{', '.join(moved)} moved outside the subspace; it is neither in agent.actor nor in agent.free."
            )
        return evaluator.look(env_steps, self.optimizer.theta_d, flat(self.actor).detach())


def _under(name: str, modules: Iterable[str]) -> bool:
    """Is a parameter or buffer of this name inside one of the modules?"""
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _stepped(module: Any) -> set[int]:
    """The parameters that the module's `optimizer` steps."""
    optimizer = getattr(module, "optimizer", None)
    groups = optimizer.param_groups if isinstance(optimizer, torch.optim.Optimizer) else []
    return _ids(p for group in groups for p in group["params"])


def _ids(parameters: Iterable[torch.nn.Parameter]) -> set[int]:
    return {id(p) for p in parameters}
