"""Ways to train theta_d, one file per kind, all with one function:

    train(task, agent, policy, subspace, seeds, referee) -> env steps used

It trains until `referee.look` says that the trial is over or the budget is used up.
"""
