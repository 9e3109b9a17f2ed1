"""Whole episodes in one compiled loop: Gymnasium's classic control, and the layers of the policy.

Each task's function is the step of Gymnasium's environment of that name, operation by operation and in the same
precision, so an episode equals Gymnasium's to the bit; tests/tasks/test_compiled.py checks this. The function takes
the state (4,) float64, changes it in place, writes the observation and returns the reward and whether the episode
terminated. Where Gymnasium squares a numpy scalar by `**`, the result is the C library's pow, which can differ from
the product. Those squares are pow(x, two) here; `two` is an argument, so that the compiler cannot optimise it away.

Everything stands in one file because numba's cache does not notice changes in others (tasks/jit.py).
"""

import math

import numpy as np

from rl_intdim.tasks.jit import jit, part

CARTPOLE, ACROBOT, MOUNTAIN_CAR, MOUNTAIN_CAR_CONTINUOUS, PENDULUM = range(5)
LINEAR, TANH, RELU = range(3)
F32, UINT = np.float32, np.uintp
PI = math.pi


# The policy.


@part
def tanh(x: np.float32) -> np.float32:
    """tanh of a float32, with an error below 4e-7, in [-1, 1]: tanh(x / 4) by Lambert's continued fraction, doubled
    twice."""
    if x >= F32(9.1):  # 1 in float32
        return F32(1)
    if x <= F32(-9.1):
        return F32(-1)
    x *= F32(0.25)
    s = x * x
    over = x * (F32(135135) + s * (F32(17325) + s * (F32(378) + s)))
    t = over / (F32(135135) + s * (F32(62370) + s * (F32(3150) + s * F32(28))))
    t = F32(2) * t / (F32(1) + t * t)  # of x / 2
    return F32(2) * t / (F32(1) + t * t)


@part
def _dense(w, w_at, b, b_at, x, x_at, n_in, y, y_at, n_out, activation):  # type: ignore[no-untyped-def]
    """One layer on one observation: y = activation(b + w^T x), summed from the first input to the last.

    Arrays are flat, and each starts at its `_at`; w is (n_in, n_out). Offsets are unsigned, so that the compiler
    vectorises the loops over outputs. Taking four inputs at a time saves three of four loads and stores of the sums.
    """
    for o in range(n_out):
        y[y_at + o] = b[b_at + o]
    i = UINT(0)
    while i + UINT(4) <= n_in:
        x0, x1, x2, x3 = x[x_at + i], x[x_at + i + UINT(1)], x[x_at + i + UINT(2)], x[x_at + i + UINT(3)]
        w0 = w_at + i * n_out
        w1, w2, w3 = w0 + n_out, w0 + UINT(2) * n_out, w0 + UINT(3) * n_out
        for o in range(n_out):
            y[y_at + o] = (((y[y_at + o] + x0 * w[w0 + o]) + x1 * w[w1 + o]) + x2 * w[w2 + o]) + x3 * w[w3 + o]
        i += UINT(4)
    while i < n_in:
        for o in range(n_out):
            y[y_at + o] += x[x_at + i] * w[w_at + i * n_out + o]
        i += UINT(1)
    if activation == TANH:
        for o in range(n_out):
            y[y_at + o] = tanh(y[y_at + o])
    elif activation == RELU:
        for o in range(n_out):
            y[y_at + o] = F32(0) if y[y_at + o] < 0 else y[y_at + o]


@jit
def dense(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, activation: int) -> np.ndarray:
    """One layer of N policies on E observations each, all float32: x (N, E, in), weight (N, in, out), bias
    (N, 1, out) -> (N, E, out)."""
    N, E, n_in = x.shape
    n_out = weight.shape[2]
    y = np.empty((N, E, n_out), np.float32)
    flat_x, flat_w, flat_b, flat_y = x.reshape(-1), weight.reshape(-1), bias.reshape(-1), y.reshape(-1)
    i, o = UINT(n_in), UINT(n_out)
    for n in range(UINT(N)):
        for e in range(UINT(E)):
            row = n * UINT(E) + e
            _dense(flat_w, n * i * o, flat_b, n * o, flat_x, row * i, i, flat_y, row * o, o, activation)
    return y


@jit
def squash(outputs: np.ndarray) -> np.ndarray:
    """tanh of outputs (n,), both float32."""
    y = np.empty(len(outputs), np.float32)
    for i in range(len(outputs)):
        y[i] = tanh(outputs[i])
    return y


# The tasks.


@part
def _cartpole(state, action, obs):  # type: ignore[no-untyped-def]
    x, x_dot, theta, theta_dot = state
    force = 10.0 if action == 1 else -10.0
    cos, sin = math.cos(theta), math.sin(theta)
    total_mass, polemass_length = 0.1 + 1.0, 0.1 * 0.5
    temp = (force + polemass_length * (theta_dot * theta_dot) * sin) / total_mass
    theta_acc = (9.8 * sin - cos * temp) / (0.5 * (4.0 / 3.0 - 0.1 * (cos * cos) / total_mass))
    x_acc = temp - polemass_length * theta_acc * cos / total_mass
    state[0], state[1] = x + 0.02 * x_dot, x_dot + 0.02 * x_acc
    state[2], state[3] = theta + 0.02 * theta_dot, theta_dot + 0.02 * theta_acc
    for i in range(4):
        obs[i] = state[i]
    limit = 12 * 2 * PI / 360
    return 1.0, state[0] < -2.4 or state[0] > 2.4 or state[2] < -limit or state[2] > limit


@part
def _dsdt(theta1, theta2, dtheta1, dtheta2, torque, two):  # type: ignore[no-untyped-def]
    """Acrobot's equations of motion; lengths, masses and moments are 1, and centres of mass are at 0.5."""
    cos2, sin2 = math.cos(theta2), math.sin(theta2)
    d1 = 1.0 * 0.25 + 1.0 * (1.0 + 0.25 + 2 * 1.0 * 0.5 * cos2) + 1.0 + 1.0
    d2 = 1.0 * (0.25 + 1.0 * 0.5 * cos2) + 1.0
    phi2 = 1.0 * 0.5 * 9.8 * math.cos(theta1 + theta2 - PI / 2.0)
    phi1 = -1.0 * 1.0 * 0.5 * math.pow(dtheta2, two) * sin2 - 2 * 1.0 * 1.0 * 0.5 * dtheta2 * dtheta1 * sin2
    phi1 = phi1 + (1.0 * 0.5 + 1.0 * 1.0) * 9.8 * math.cos(theta1 - PI / 2) + phi2
    over = torque + d2 / d1 * phi1 - 1.0 * 1.0 * 0.5 * math.pow(dtheta1, two) * sin2 - phi2
    ddtheta2 = over / (1.0 * 0.25 + 1.0 - math.pow(d2, two) / d1)
    return dtheta1, dtheta2, -(d2 * ddtheta2 + phi1) / d1, ddtheta2


@part
def _acrobot(state, action, obs, two):  # type: ignore[no-untyped-def]
    torque, dt, dt2 = float(action - 1), 0.2, 0.2 / 2.0
    a, b, c, d = state
    a1, b1, c1, d1 = _dsdt(a, b, c, d, torque, two)
    a2, b2, c2, d2 = _dsdt(a + dt2 * a1, b + dt2 * b1, c + dt2 * c1, d + dt2 * d1, torque, two)
    a3, b3, c3, d3 = _dsdt(a + dt2 * a2, b + dt2 * b2, c + dt2 * c2, d + dt2 * d2, torque, two)
    a4, b4, c4, d4 = _dsdt(a + dt * a3, b + dt * b3, c + dt * c3, d + dt * d3, torque, two)
    a = a + dt / 6.0 * (a1 + 2 * a2 + 2 * a3 + a4)
    b = b + dt / 6.0 * (b1 + 2 * b2 + 2 * b3 + b4)
    c = c + dt / 6.0 * (c1 + 2 * c2 + 2 * c3 + c4)
    d = d + dt / 6.0 * (d1 + 2 * d2 + 2 * d3 + d4)
    state[0], state[1] = _wrap(a), _wrap(b)
    state[2], state[3] = min(max(c, -4 * PI), 4 * PI), min(max(d, -9 * PI), 9 * PI)
    obs[0], obs[1], obs[2], obs[3] = math.cos(state[0]), math.sin(state[0]), math.cos(state[1]), math.sin(state[1])
    obs[4], obs[5] = state[2], state[3]
    over = -math.cos(state[0]) - math.cos(state[1] + state[0]) > 1.0
    return 0.0 if over else -1.0, over


@part
def _wrap(x):  # type: ignore[no-untyped-def]
    while x > PI:
        x = x - (PI - -PI)
    while x < -PI:
        x = x + (PI - -PI)
    return x


@part
def _drive(position, velocity, least, most, fastest):  # type: ignore[no-untyped-def]
    """One step of either car: clip the velocity, move and clip the position, and stop the car at the left wall."""
    velocity = min(max(velocity, -fastest), fastest)
    position = min(max(position + velocity, least), most)
    return position, velocity - velocity if position == least and velocity < 0 else velocity


@part
def _mountain_car(state, action, obs):  # type: ignore[no-untyped-def]
    push = (action - 1) * 0.001 + math.cos(3 * state[0]) * (-0.0025)
    state[0], state[1] = _drive(state[0], state[1] + push, -1.2, 0.6, 0.07)
    obs[0], obs[1] = state[0], state[1]
    return -1.0, state[0] >= 0.5 and state[1] >= 0


@part
def _mountain_car_continuous(state, action, obs, first):  # type: ignore[no-untyped-def]
    """Gymnasium's state is float64 after a reset, and float32 after the first step."""
    power = action * F32(0.0015)
    if first:
        push = power - F32(0.0025 * math.cos(3 * state[0]))
        position, velocity = _drive(state[0], state[1] + push, -1.2, 0.6, 0.07)
        over = position >= 0.45 and velocity >= 0
        obs[0], obs[1] = position, velocity
    else:
        push = power - F32(0.0025 * math.cos(np.float64(F32(3) * F32(state[0]))))
        speed = F32(state[1]) + push
        obs[0], obs[1] = _drive(F32(state[0]), speed, F32(-1.2), F32(0.6), F32(0.07))
        over = obs[0] >= F32(0.45) and obs[1] >= 0
    state[0], state[1] = obs[0], obs[1]
    force = np.float64(action)
    return (100.0 if over else 0.0) - force * force * 0.1, over


@part
def _pendulum(state, action, obs, two):  # type: ignore[no-untyped-def]
    theta, theta_dot = state[0], state[1]
    torque = min(max(action, F32(-2)), F32(2))
    angle = ((theta + PI) % (2 * PI)) - PI
    effort = F32(0.001) * F32(math.pow(torque, F32(two)))
    cost = math.pow(angle, two) + 0.1 * math.pow(theta_dot, two) + effort
    speed = theta_dot + (3 * 10.0 / (2 * 1.0) * math.sin(theta) + F32(3) * torque) * 0.05
    state[1] = min(max(speed, -8.0), 8.0)
    state[0] = theta + state[1] * 0.05
    obs[0], obs[1], obs[2] = math.cos(state[0]), math.sin(state[0]), state[1]
    return -cost, False


@part
def _outputs(weights, sizes, activation, units):  # type: ignore[no-untyped-def]
    """The forward pass on the observation at the start of `units`; returns where in `units` the outputs start."""
    at, x_at, layers = UINT(0), UINT(0), len(sizes) - 1
    for layer in range(layers):
        n_in, n_out = UINT(sizes[layer]), UINT(sizes[layer + 1])
        act = activation if layer < layers - 1 else LINEAR
        _dense(weights, at, weights, at + n_in * n_out, units, x_at, n_in, units, x_at + n_in, n_out, act)
        at, x_at = at + (n_in + UINT(1)) * n_out, x_at + n_in
    return x_at


@part
def _largest(units, first):  # type: ignore[no-untyped-def]
    """The discrete action: the index of the largest of units[first:], the first of ties; -1 if one is NaN."""
    best, count = first, UINT(len(units))
    for o in range(first, count):
        if units[o] != units[o]:
            return np.int64(-1)
        if units[o] > units[best]:
            best = o
    return np.int64(best - first)


@jit
def choose(weights: np.ndarray, sizes: np.ndarray, activation: int, units: np.ndarray) -> int:
    """The discrete action, counted from 0, of one policy weights (D,), laid out by Network.laid_out; -1 for outputs
    with NaN. units (sum of sizes,) holds the observation at its start; all float32."""
    return _largest(units, _outputs(weights, sizes, activation, units))


@jit
def push(weights, sizes, activation, units, squashed, floor, span, low, high):  # type: ignore[no-untyped-def]
    """The continuous action (out,) of one policy, as `choose` and Network.actions; None for outputs with NaN."""
    at = _outputs(weights, sizes, activation, units)
    action = np.empty_like(low)
    for o in range(len(low)):
        y = units[at + UINT(o)]
        if y != y:
            return None
        x = floor[o] + span[o] * (tanh(y) + F32(1)) / F32(2) if squashed else y
        action[o] = min(max(x, low[o]), high[o])
    return action


@jit
def play(  # type: ignore[no-untyped-def]
    task,
    horizon,
    most,
    thetas,
    sizes,
    activation,
    starts,
    first_obs,
    mean,
    std,
    clip,
    low,
    high,
    squashed,
    two,
    returns,
    lengths,
):
    """Play one whole episode of at most `horizon` env steps from each initial state starts (n, 4), n / N episodes in
    order for each of the policies thetas (N, D) float32, laid out, and stop after `most` env steps in all. first_obs
    (n, observations) float32: the observations there.

    sizes: units of each layer, int64. mean, std, clip: the observation statistics; empty and 0 without them. low,
    high: the bounds of a continuous action. squashed: whether tanh squashes it into them, or it is clipped. two: 2.0.
    Writes the undiscounted returns (n,) float64 and the lengths in env steps (n,) int64 to `returns` and `lengths`,
    since numba makes a tuple of arrays by calls of Python, and a signal that interrupts them becomes a SystemError.
    An episode's return is NaN if the policy's outputs become NaN, and -inf if it was stopped.
    """
    n, N, features = len(starts), len(thetas), sizes[0]
    obs, state = np.empty(features, np.float32), np.empty(4)
    total_units = 0
    for layer in range(len(sizes)):
        total_units += sizes[layer]
    units = np.zeros(total_units, np.float32)
    for slot in range(n):
        weights = thetas[slot // (n // N)]
        for i in range(4):
            state[i] = starts[slot, i]
        for i in range(features):
            obs[i] = first_obs[slot, i]
        over, t, total = False, 0, 0.0
        while not over and t < horizon and most > 0:
            for i in range(features):
                units[i] = min(max((obs[i] - mean[i]) / std[i], -clip), clip) if clip > 0 else obs[i]
            at = _outputs(weights, sizes, activation, units)
            if task <= MOUNTAIN_CAR:
                action = _largest(units, at)
                if action < 0:
                    reward, over = np.nan, True
                elif task == CARTPOLE:
                    reward, over = _cartpole(state, action, obs)
                elif task == ACROBOT:
                    reward, over = _acrobot(state, action, obs, two)
                else:
                    reward, over = _mountain_car(state, action, obs)
            else:
                force = units[at]
                if squashed:
                    force = low + (high - low) * (tanh(force) + F32(1)) / F32(2)
                force = min(max(force, low), high) if force == force else force
                if force != force:
                    reward, over = np.nan, True
                elif task == PENDULUM:
                    reward, over = _pendulum(state, force, obs, two)
                else:
                    reward, over = _mountain_car_continuous(state, force, obs, t == 0)
            total += reward
            t += 1
            most -= 1
        returns[slot], lengths[slot] = total if over or t == horizon else -np.inf, t
