"""Training of trials. A trainer is a module here, named by `trainer:` in an agent's file. It has

    check(task, agent, policy, say)    raises ConfigError; `say` is called with notes for the user
    train(context)                     -> env steps used

`train` continues until `evaluator.look` returns that the trial is over, or the budget is used up.
"""
