"""The golden files' format, and the data that all frameworks are given. README.md describes the format."""
import zlib

import numpy as np


class Kink(Exception):
    """A value lies so close to a kink of the activation that f32 may see the other side."""


def normalize(axes, rank):
    return sorted(a % rank for a in np.atleast_1d(axes))


def number(value):
    return "%.9g" % float(value)


def tensor(values, shape, digits):
    """Lines of numbers. Inputs have 9 digits, which name one f32; outputs 8, a tenth of an f32's last bit."""
    flat = np.asarray(values, np.float64).reshape(-1)
    width = max(int(shape[-1]) if shape else 1, 1)
    while width * 2 <= 12:
        width *= 2
    return "\n".join(" ".join("%.*g" % (digits, v) for v in flat[i:i + width]) for i in range(0, len(flat), width))


class Case:
    """One case under construction: settings, inputs, outputs."""
    may_be_infinite = False

    def __init__(self, name, operation, shape, axes, **settings):
        self.name, self.shape = name, tuple(shape)
        self.axes = [int(a) for a in np.atleast_1d(axes)]
        self.settings = {"operation": operation, "axes": self.axes}
        self.settings.update(settings)
        self.inputs, self.outputs = {}, {}

    def put(self, to, roles):
        for role, values in roles.items():
            if values is None:
                continue
            assert role not in to, role
            values = np.asarray(values, np.float64)
            if role != "RUNNING_VARIANCE" or to is self.outputs:
                assert self.may_be_infinite or np.isfinite(values).all(), (self.name, role, values)
            to[role] = values
        return self

    def takes(self, **roles):
        for values in roles.values():
            if values is not None:
                exact = np.asarray(values, np.float64)
                rounded = exact.astype(np.float32)
                with np.errstate(invalid="ignore"):
                    near = np.abs(rounded - exact) <= np.abs(exact) * 2.0**-24
                assert (near | ~np.isfinite(exact)).all()
        return self.put(self.inputs, roles)

    def gives(self, **roles):
        return self.put(self.outputs, roles)

    def text(self):
        lines = ["case " + self.name]
        for key, value in self.settings.items():
            if value is None:
                continue
            values = value if isinstance(value, (list, tuple)) else [value]
            lines.append("set %s %s" % (key, " ".join(v if isinstance(v, str) else number(v) for v in values)))
        for word, roles in (("in", self.inputs), ("out", self.outputs)):
            for role, values in roles.items():
                lines.append("%s %s %s" % (word, role, " ".join(str(n) for n in values.shape)))
                lines.append(tensor(values, values.shape, 9 if word == "in" else 8))
        return "\n".join(lines + ["end"]) + "\n"


class Data:
    """Inputs of one case: tensors of multiples of 1/16, whose channels differ in mean and deviation.
    With full = True they have all 24 bits."""

    def __init__(self, name, attempt, shape, axes, full=False):
        self.rng = np.random.default_rng([zlib.crc32(name.encode()), attempt])
        self.shape, self.full = tuple(shape), full
        self.kept = normalize(axes, len(shape))
        self.channels = tuple(shape[a] for a in self.kept)
        self.reduced = tuple(a for a in range(len(shape)) if a not in self.kept)

    def rounded(self, values):
        values = np.asarray(values)
        if not self.full:
            values = np.round(values * 16) / 16
        return values.astype(np.float32).astype(np.float64)

    def spread(self, values):
        """Per-channel values, shaped to broadcast over x."""
        return np.asarray(values).reshape([n if a in self.kept else 1 for a, n in enumerate(self.shape)])

    def x(self, offset=0.0):
        mean = self.spread(self.rng.uniform(-2, 2, self.channels)) + offset
        deviation = self.spread(self.rng.uniform(0.5, 2, self.channels))
        return self.rounded(mean + deviation * self.rng.standard_normal(self.shape))

    def like_x(self):
        return self.rounded(self.rng.standard_normal(self.shape))

    def gamma(self):
        sign = np.where(self.rng.random(self.channels) < 0.25, -1, 1)
        return self.rounded(sign * self.rng.uniform(0.5, 2, self.channels))

    def beta(self):
        return self.rounded(self.rng.uniform(-1, 1, self.channels))

    def running(self):
        return self.rounded(self.rng.uniform(-1, 1, self.channels)), \
            self.rounded(self.rng.uniform(0.25, 3, self.channels))

    def moments(self, u, counted=None, count_epsilon=0.0):
        """Two passes in float64: mean and biased variance."""
        counted = np.ones(self.shape) if counted is None else np.broadcast_to(counted, self.shape)
        weight = counted.sum(self.reduced) + count_epsilon
        mean = np.where(counted > 0, u, 0).sum(self.reduced) / weight
        distance = np.where(counted > 0, u - self.spread(mean), 0)
        return mean, (distance**2).sum(self.reduced) / weight


def away(z, kinks, margin=1e-3):
    """Raises Kink when z is near one of the kinks."""
    for kink in kinks:
        if np.abs(np.asarray(z) - kink).min() < margin:
            raise Kink


class File:
    """A golden file: functions that make cases, tried again with other data when they meet a Kink."""

    def __init__(self, path, header):
        self.path, self.header, self.texts, self.names = path, header, [], set()

    def add(self, make, name, *arguments, **keywords):
        for attempt in range(1000):
            try:
                cases = make(name, attempt, *arguments, **keywords)
                break
            except Kink:
                pass
        else:
            raise RuntimeError("no data without kinks for " + name)
        for case in cases if isinstance(cases, list) else [cases]:
            assert case.name not in self.names, case.name
            self.names.add(case.name)
            self.texts.append(case.text())

    def write(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write("".join("# %s\n" % line for line in self.header) + "\n" + "\n".join(self.texts))
        print("%s: %d cases" % (self.path, len(self.texts)))
