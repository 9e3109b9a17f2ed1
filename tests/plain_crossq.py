"""A policy of a user's own, as the documentation shows it: CrossQ's with an actor that the task's network can be."""

from sb3_contrib.crossq.policies import Actor, CrossQPolicy


class PlainActorPolicy(CrossQPolicy):
    """CrossQ's (Bhatt et al. 2024, https://arxiv.org/abs/1902.05605), with batches normalised in the critic alone."""

    def make_actor(self, features_extractor=None) -> Actor:
        self.actor_kwargs["batch_norm"] = False
        return super().make_actor(features_extractor)
