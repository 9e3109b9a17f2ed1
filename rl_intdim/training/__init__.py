"""Training of trials. A trainer is a module here, named by `trainer:` in an agent's file. It has

    check(task, agent, policy)    raises ConfigError
    train(context)                -> env steps used

`train` continues until `evaluator.look` returns that the trial is over, or the budget is used up.
"""
