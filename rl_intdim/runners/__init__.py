"""Where trials run. One seam:

run(trials, workers) -> iterator of (trial, TrialResult | TrialError), as they finish
"""
