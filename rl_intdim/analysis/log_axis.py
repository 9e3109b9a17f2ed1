"""The log axis of d, which has a place for d = 0."""

ZERO = 0.5  # that place


def round_ticks(top: float, zero: bool, *steps: int) -> tuple[list[float], list[str]]:
    """Places and labels of `steps` times powers of ten up to `top`, and of 0 if `zero`."""
    powers = (10**e for e in range(len(str(int(top)))))
    values = [step * power for power in powers for step in steps if step * power <= top]
    return [*([ZERO] if zero else []), *values], [*(["0"] if zero else []), *(f"{value:,}" for value in values)]
