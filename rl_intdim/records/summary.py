"""A sweep's result from its trials: d_int at parts of the budget, flaws of the fit, and warnings for the reader."""

from collections.abc import Sequence

from rl_intdim.config.schema import LINEAR, EvolutionAgent, GradientAgent, SweepConfig
from rl_intdim.records.provenance import Provenance
from rl_intdim.records.result import Estimate, SweepRecord
from rl_intdim.search import paper_rule
from rl_intdim.search.adaptive import answer, misfit
from rl_intdim.search.loop import outcomes, stopped_by
from rl_intdim.search.trials import TrialRecord

MISFIT = 0.05  # the p-value below which a misfit is reported
METHOD = (
    "d_int: posterior median of the d at which the chance of solving crosses 1/2; ci95: its central 95 % credible "
    "interval. Model: a logistic in log d with unknown place, width and level, which may be below 1/2, and perhaps a "
    "fall, or a first hump (rl_intdim.search.posterior)."
)


def summarise(
    config: SweepConfig,
    D: int,
    d_max: int,
    trials: Sequence[TrialRecord],
    provenance: Provenance,
    made: Sequence[str] = (),
) -> SweepRecord:
    """The result of a sweep from its trials. `made`: what `sessions.notes` says of how they were made."""
    task, search = config.env, config.search
    # By seed, so that nothing depends on which of a round's trials finished first.
    trials = sorted(trials, key=lambda t: t.seed)
    searched, direct = [t for t in trials if not t.direct], [t for t in trials if t.direct]
    scored = search.full_budget and search.ds and searched and direct  # each to the end of the budget
    result = answer(search, d_max, outcomes(searched, task.budget))
    p_misfit = misfit(search, d_max, outcomes(searched, task.budget))
    by_budget = {}
    for name, part in (("quarter", 0.25), ("half", 0.5), ("all", 1.0)):
        then = answer(search, d_max, outcomes(searched, task.budget, part))
        by_budget[name] = Estimate(then.d_int, then.ci95, then.status)
    # Success cannot fall off if no trial has solved.
    falls = result.p_falling > 0.5 and any(k for d, (_, k) in result.tested.items() if d > 0)
    flaws = [name for name, is_so in (("misfit", p_misfit < MISFIT), ("falling", falls)) if is_so]
    warnings = disclosures(config)
    if "misfit" in flaws:
        warnings.append(
            f"no curve of the model fits these trials (p = {p_misfit:.3f}): the interval is not to be trusted. "
            "Look at the plot; search.ds=[...] with more seeds shows the shape."
        )
    if "falling" in flaws:
        warnings.append(
            f"success falls off again above d_int (probability {result.p_falling:.2f}): "
            "the step size or the budget may not suit larger d."
        )
    if search.ds is None and result.status in ("found", "undecided") and not result.looked_above:
        warnings.append("no trials well above d_int were run yet; success could fall off there.")
    high = result.ci95[1]
    if result.d_int and high is not None and by_budget["half"].ci95[0] > high:
        warnings.append("d_int still falls as the budget grows; more budget may lower it further.")
    if direct and sum(t.solved for t in direct) * 2 < len(direct):
        warnings.append(
            "direct training failed in most runs. That does not invalidate d_int: "
            "a larger space can be harder for a given budget."
        )
    above = diagonal_above(config)
    if above is not None and any((D if t.direct or t.subspace_steps else int(t.d)) > above for t in trials):
        warnings.append(f"CMA-ES kept only the diagonal of its covariance above d = {above} (agent.diagonal_above).")
    if len(devices := sorted({t.device for t in trials if t.device})) > 1:
        warnings.append(f"the trials ran on {' and '.join(devices)}, which round differently.")
    warnings += made
    return SweepRecord(
        env=task.name,
        agent=config.agent.name,
        projection=config.subspace.label,
        d_int=result.d_int,
        ci95=result.ci95,
        status=result.status,
        stopped_by=stopped_by(search, d_max, task.budget, trials),
        method=METHOD,
        threshold=task.threshold,
        threshold_source=task.threshold_source,
        goal=task.goal if task.goal.info else None,
        confirm_episodes=task.scoring.confirm_episodes,
        D=D,
        d_max=d_max,
        budget=task.budget,
        trials=len(searched),
        env_steps=sum(t.env_steps for t in trials),
        seconds=round(sum(t.seconds for t in trials), 1),
        scoring_steps=sum(t.scoring_steps for t in trials),
        subspace_steps=sum(t.subspace_steps for t in trials),
        direct=(sum(t.solved for t in direct), len(direct)),
        tested=result.tested,
        by_budget=by_budget,
        d90_paper=paper_rule.d90(searched, direct) if scored else None,
        p_falling=round(result.p_falling, 3),
        misfit=round(p_misfit, 3),
        looked_above=result.looked_above,
        level=result.level,
        flaws=flaws,
        warnings=warnings,
        threads=config.threads,
        versions=provenance.versions,
        commit=provenance.commit,
        command=provenance.command,
    )


def disclosures(config: SweepConfig) -> list[str]:
    """What a reader must know to compare the agent's figures with other agents'."""
    notes = [f"{config.agent.name}: {config.agent.note}."] if config.agent.note else []
    if learned := config.subspace.learned(config.env.budget):
        basis = f"P, which is spanned by its {config.subspace.projection}"
        what = basis if learned.snapshots else "theta0"
        also = f", and theta0 is what it had reached after {learned.burn_in:,}" * bool(
            learned.snapshots and learned.burn_in
        )
        notes.append(
            f"learned basis: before each trial a direct run of {learned.direct_steps:,} env steps gave {what}{also}; "
            "d_int does not count what was learned there, and is not that of a random subspace."
        )
    if isinstance(config.agent, GradientAgent) and config.env.policy.conv and config.agent.critic:
        if config.agent.extractor == "separate":
            notes.append("the critic has features of its own, of the size of the policy's, before agent.critic.")
        elif "vf" in config.agent.critic:  # SB3's critics of actions learn nothing into shared features
            notes.append(
                "the critic's loss moves the actor's features too (agent.extractor=shared), within the subspace."
            )
    if isinstance(config.agent, GradientAgent) and config.agent.precision != "float32":
        notes.append(f"hidden layers were trained in {config.agent.precision} (agent.precision), scored in float32.")
    settings = config.agent.settings if isinstance(config.agent, GradientAgent) else {}
    if falling := [key for key, value in settings.items() if str(value).startswith(LINEAR)]:
        notes.append(
            f"{', '.join(falling)}: falls to 0 over the whole budget, so what was reached by a quarter of it is not "
            "what a run of a quarter's budget would reach."
        )
    if config.env.statistics.mean:
        notes.append(
            f"observations are standardised, by statistics fixed before training: {config.env.statistics.source}."
        )
    if config.env.vectorisation.ale and config.env.sticky == 0:
        notes.append("without sticky actions there are only some thirty different starts, so episodes are not fresh.")
    return notes


def diagonal_above(config: SweepConfig) -> int | None:
    """The d above which the agent was CMA-ES with a diagonal covariance; None for any other agent."""
    agent = config.agent
    return agent.diagonal_above if isinstance(agent, EvolutionAgent) and agent.strategy == "cma" else None
