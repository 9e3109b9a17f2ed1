"""How a trial trains: one file for each kind of trainer, named as `trainer:` names it in an agent's file. Each has

    check(task, agent, policy)    raises ConfigError
    train(context)                -> env steps used

`train` goes on until `evaluator.look` says that the trial is over or the budget is used up.
"""
