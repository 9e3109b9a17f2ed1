"""Ways to train theta_d, one file per kind, named as `trainer:` names it in an agent's file. Each has

    check(task, agent, policy)                                              raises ConfigError
    train(task, agent, policy, subspace, seeds, evaluator, checkpoints, logs) -> env steps used

`train` goes on until `evaluator.look` says that the trial is over or the budget is used up. `logs`: a folder for
TensorBoard, or None.
"""
