"""Layer, RMS, group, instance, L1, L2, Lp and mean-variance normalization, and the sum before a norm."""
import os

import keras
import numpy as np
import torch
import torch.nn.functional as F

import vectors
from engines import VERSIONS, array, by_keras, by_onnx, by_torch, layer, rounded

L = keras.layers
TYPES = {"bfloat16": "BF16", "float16": "F16"}


def statistics(x, kept, statistic, epsilon, power):
    """Mean, what VARIANCE holds and what INV_STD holds: two passes in float64."""
    axes = tuple(a for a in range(x.ndim) if a not in vectors.normalize(kept, x.ndim))
    mean = x.mean(axes, keepdims=True) if statistic == "VARIANCE" else np.zeros(1)
    powers = np.abs(x - mean)**power
    spread = powers.sum(axes) if statistic.startswith("SUM") else powers.mean(axes)
    total = np.maximum(spread, epsilon) if statistic.startswith("SUM") else spread + epsilon
    inverse = np.where(total > 0, np.where(total > 0, total, 1)**(-1 / power), 0)
    return mean.reshape(spread.shape) if statistic == "VARIANCE" else None, spread, inverse


class Problem:
    """A norm and its data. `kept` and `parameters` are axes of the description's shape, `framework` is the shape
    that the framework sees. A residual is added before the norm, `keep` makes the sum a second output."""

    def __init__(self, name, attempt, shape, kept, parameters, engine, function, framework=None,
                 statistic="VARIANCE", epsilon=1e-5, power=2, gamma=True, beta=True, saved="INV_STD", own=None,
                 offset=0.0, full=False, kind=None, residual=False, keep=False, change=None, sums=True):
        self.name, self.shape, self.kept, self.parameters = name, tuple(shape), kept, parameters
        self.statistic, self.epsilon, self.power, self.saved = statistic, epsilon, power, saved
        self.kind, self.keep, self.sums = kind, keep, sums
        framework = framework or shape
        data = vectors.Data(name, attempt, shape, kept, full)
        affine = vectors.Data(name + " parameters", attempt, shape, parameters)
        self.x, self.dy = rounded(data.x(offset), kind), rounded(data.like_x(), kind)
        if change:
            change(self.x)
        self.residual = rounded(data.like_x(), kind) if residual else None
        self.dsum = rounded(data.like_x(), kind) if keep else None
        self.gamma, self.beta = affine.gamma() if gamma else None, affine.beta() if beta else None
        tensors = [None if v is None else v.reshape(framework) for v in (self.x, self.residual)]
        gradients = [self.dy.reshape(framework), None if self.dsum is None else self.dsum.reshape(framework)]
        values, by = engine(function, tensors if residual else tensors[:1], [self.gamma, self.beta], gradients,
                            kind)
        self.y, self.sum = values[0].reshape(shape), values[1].reshape(shape) if keep else None
        by = [None if g is None else g.reshape(shape) if g.size == self.x.size and i <= residual else g
              for i, g in enumerate(by)]
        self.dx, self.dgamma, self.dbeta = by[0], by[-2], by[-1]
        if residual:
            assert (by[0] == by[1]).all()
        self.u = self.sum if keep else self.x if self.residual is None else self.x + self.residual
        mean, spread, inverse = statistics(self.u, kept, statistic, epsilon, power)
        if own:  # the framework's
            theirs = own(self.u.reshape(framework))
            assert np.allclose(theirs[1].reshape(-1), inverse.reshape(-1), rtol=1e-12)
            mean, inverse = None if mean is None else theirs[0].reshape(mean.shape), theirs[1].reshape(inverse.shape)
        self.statistics = {"MEAN": mean, saved: inverse if saved == "INV_STD" else spread}

    def case(self, operation, suffix):
        settings = {"epsilon": self.epsilon}
        if self.statistic != "VARIANCE":
            settings["statistic"] = self.statistic
        if self.statistic == "SUM_POWER":
            settings["power"] = self.power
        if self.gamma is not None or self.beta is not None:
            settings["parameter_axes"] = self.parameters
        if self.residual is not None:
            settings["residual_use"] = "BEFORE"
        if self.kind:
            types = ["x_type", "y_type"] + (["residual_type"] if self.residual is not None else []) + \
                (["dx_type"] if self.keep or "GRADIENT" in operation else [])
            settings.update({key: TYPES[self.kind] for key in types}, factor=4)
        return vectors.Case(self.name + suffix, operation, self.shape, self.kept, **settings)

    def forward(self):
        case = self.case("TRAIN", "_train").takes(X=self.x, RESIDUAL=self.residual, GAMMA=self.gamma, BETA=self.beta)
        return case.gives(Y=self.y, RESIDUAL_SUM=self.sum, **self.statistics)

    def backward(self):
        case = self.case("TRAIN_GRADIENT", "_gradient")
        case.takes(X=self.u, DY=self.dy, GAMMA=self.gamma, DRESIDUAL_SUM=self.dsum)
        case.takes(**self.statistics).gives(DX=self.dx)
        return case.gives(DGAMMA=self.dgamma, DBETA=self.dbeta) if self.sums else case


def both(name, attempt, *arguments, **options):
    problem = Problem(name, attempt, *arguments, **options)
    if problem.kind and problem.keep:  # PyTorch rounds each of the two gradients by the sum, we their sum
        return problem.forward()
    return [problem.forward(), problem.backward()]


def layer_axes(shape, axes):
    """A layer norm's description: shape, kept and parameter axes. All axes: a first one of size 1."""
    axes = vectors.normalize(axes, len(shape))
    kept = [a for a in range(len(shape)) if a not in axes]
    return (shape, kept, axes) if kept else ((1, *shape), [0], [a + 1 for a in axes])


def group_axes(shape, axis, groups):
    axis %= len(shape)
    split = (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1:])
    return split, [0, axis], [axis, axis + 1]


# ------------------------------------------------------------------------------------------------- PyTorch


def torch_layer(file, name, shape, count, rms=False, **options):
    axes = list(range(len(shape) - count, len(shape)))
    full, kept, parameters = layer_axes(shape, axes)
    normalized, epsilon = shape[-count:], options.pop("epsilon", 1e-5)
    if rms:
        given = None if epsilon == "finfo" else epsilon
        options.update(statistic="MEAN_SQUARE", beta=False, epsilon=float(torch.finfo(torch.float64).eps)
                       if epsilon == "finfo" else epsilon)
        norm = lambda u, gamma, beta: F.rms_norm(u, normalized, gamma, given)
    else:
        options["epsilon"] = epsilon
        norm = lambda u, gamma, beta: F.layer_norm(u, normalized, gamma, beta, epsilon)
        if not options.get("kind"):
            options["own"] = lambda u: [v.numpy() for v in torch.native_layer_norm(
                torch.tensor(u), normalized, None, None, epsilon)[1:]]
    function = norm
    options["sums"] = not options.get("kind")  # rounds terms of dgamma and dbeta to 16 bits
    if options.get("residual"):
        def function(x, residual, gamma, beta):
            total = x + residual
            return norm(total, gamma, beta), total
    file.add(both, name, full, kept, parameters, by_torch, function, framework=shape, **options)


def torch_group(file, name, shape, groups, **options):
    full, kept, parameters = group_axes(shape, 1, groups)
    flat = lambda v: None if v is None else v.reshape(-1)
    epsilon = options.setdefault("epsilon", 1e-5)
    function = lambda x, gamma, beta: F.group_norm(x, groups, flat(gamma), flat(beta), epsilon)
    file.add(both, name, full, kept, parameters, by_torch, function, framework=shape, **options)


def torch_instance(file, name, shape, **options):
    epsilon = options.setdefault("epsilon", 1e-5)
    function = lambda x, gamma, beta: F.instance_norm(x, weight=gamma, bias=beta, eps=epsilon)
    file.add(both, name, shape, [0, 1], [1], by_torch, function, **options)


def instance_eval(name, attempt):
    """Running statistics in evaluation are those of batch normalization."""
    shape = (2, 3, 4, 5)
    data = vectors.Data(name, attempt, shape, 1)
    x, dy, gamma, beta, (mean, variance) = data.x(), data.like_x(), data.gamma(), data.beta(), data.running()
    function = lambda t, g, b: F.instance_norm(t, torch.tensor(mean), torch.tensor(variance), g, b, False, eps=1e-5)
    values, by = by_torch(function, [x], [gamma, beta], [dy])
    forward = vectors.Case(name, "APPLY", shape, 1, epsilon=1e-5).takes(X=x, GAMMA=gamma, BETA=beta, MEAN=mean,
                                                                       VARIANCE=variance).gives(Y=values[0])
    backward = vectors.Case(name + "_gradient", "APPLY_GRADIENT", shape, 1, epsilon=1e-5).takes(
        X=x, DY=dy, GAMMA=gamma, MEAN=mean, VARIANCE=variance)
    return [forward, backward.gives(DX=by[0], DGAMMA=by[1], DBETA=by[2])]


def torch_normalize(file, name, shape, axis, power, epsilon=1e-12, **options):
    """PyTorch's eps bounds the norm, ours the sum: its power."""
    full, kept, parameters = layer_axes(shape, axis)
    # in 16 bits it would round the norm, too
    function = lambda x, gamma, beta: F.normalize(x.float() if options.get("kind") else x, p=power, dim=axis,
                                                  eps=epsilon).to(x.dtype)
    file.add(both, name, full, kept, parameters, by_torch, function, framework=shape, gamma=False, beta=False,
             statistic="SUM_SQUARE" if power == 2 else "SUM_POWER", power=power, epsilon=epsilon**power, **options)


def first_is_zero(x):
    x.reshape(x.shape[0], -1)[0] = 0


def first_is_tiny(x):
    x.reshape(x.shape[0], -1)[0] *= 2.0**-45


def first_is_constant(x):
    x.reshape(x.shape[0], -1)[0] = 1.25


def write_torch(file):
    for name, shape, count in (("1", (5, 7), 1), ("2", (3, 4, 5), 2), ("3", (2, 3, 2, 5), 3), ("last", (2, 3, 2, 5), 1),
                               ("all", (3, 7), 2), ("vector", (11,), 1), ("wide", (3, 67), 1), ("size_1", (4, 1), 1),
                               ("rows", (31, 3), 1)):
        torch_layer(file, "torch_layer_" + name, shape, count)
        torch_layer(file, "torch_rms_" + name, shape, count, rms=True, epsilon=1e-6)
    for name, gamma, beta in (("no_beta", True, False), ("no_gamma", False, True), ("plain", False, False)):
        torch_layer(file, "torch_layer_" + name, (5, 7), 1, gamma=gamma, beta=beta, saved="VARIANCE", own=None)
        torch_layer(file, "torch_layer_2_" + name, (3, 4, 5), 2, gamma=gamma, beta=beta)
    torch_layer(file, "torch_layer_epsilon_0.1", (5, 7), 1, epsilon=0.1)
    torch_layer(file, "torch_layer_mean_1e6", (4, 33), 1, full=True, offset=1e6)
    torch_layer(file, "torch_layer_full_precision", (4, 33), 1, full=True)
    torch_layer(file, "torch_layer_constant", (3, 9), 1, change=first_is_constant)
    torch_layer(file, "torch_rms_plain", (5, 7), 1, rms=True, gamma=False, epsilon=1e-6)
    torch_layer(file, "torch_rms_finfo", (5, 7), 1, rms=True, epsilon="finfo")
    torch_layer(file, "torch_rms_epsilon_0.1", (5, 7), 1, rms=True, epsilon=0.1)
    torch_layer(file, "torch_rms_variance", (5, 7), 1, rms=True, epsilon=1e-6, saved="VARIANCE")
    torch_layer(file, "torch_rms_zero", (3, 9), 1, rms=True, epsilon=1e-6, change=first_is_zero)
    torch_layer(file, "torch_rms_mean_1e6", (4, 33), 1, rms=True, epsilon=1e-6, full=True, offset=1e6)
    for rms, name in ((False, "layer"), (True, "rms")):
        for count, shape in ((1, (5, 7)), (2, (3, 4, 5))):
            torch_layer(file, "torch_add_%s_%d" % (name, count), shape, count, rms=rms, residual=True, keep=True)
        torch_layer(file, "torch_add_%s_wide" % name, (3, 67), 1, rms=rms, residual=True, keep=True, full=True)
        torch_layer(file, "torch_add_%s_plain" % name, (4, 9), 1, rms=rms, residual=True, keep=True, gamma=False,
                    beta=False)
        for kind in TYPES:
            torch_layer(file, "torch_%s_%s" % (name, kind), (4, 9), 1, rms=rms, kind=kind)
            torch_layer(file, "torch_add_%s_%s" % (name, kind), (4, 9), 1, rms=rms, residual=True, keep=True,
                        kind=kind)
    for groups in (1, 2, 4, 8):
        torch_group(file, "torch_group_%d" % groups, (2, 8, 3, 3), groups)
    torch_group(file, "torch_group_1d", (3, 6), 2)
    torch_group(file, "torch_group_3d", (2, 4, 2, 3, 2), 2)
    torch_group(file, "torch_group_odd", (3, 15, 7), 5)
    torch_group(file, "torch_group_plain", (2, 6, 5), 3, gamma=False, beta=False)
    torch_group(file, "torch_group_epsilon_0.1", (2, 6, 5), 3, epsilon=0.1)
    torch_group(file, "torch_group_mean_1e6", (2, 4, 9), 2, full=True, offset=1e6)
    for kind in TYPES:
        torch_group(file, "torch_group_" + kind, (2, 6, 5), 3, kind=kind)
    torch_instance(file, "torch_instance", (2, 3, 4, 5))
    torch_instance(file, "torch_instance_1d", (3, 4, 7))
    torch_instance(file, "torch_instance_3d", (2, 3, 2, 3, 2))
    torch_instance(file, "torch_instance_plain", (2, 3, 4, 5), gamma=False, beta=False)
    torch_instance(file, "torch_instance_mean_1e6", (2, 3, 17), full=True, offset=1e6)
    file.add(instance_eval, "torch_instance_eval")
    for power in (1, 2, 3, 2.5):
        for shape, axis in (((5, 7), -1), ((2, 5, 4), 1), ((3, 67), 1)):
            torch_normalize(file, "torch_normalize_%g_%s" % (power, "x".join(map(str, shape))), shape, axis, power)
    for power in (1, 2, 3):
        torch_normalize(file, "torch_normalize_%g_bounded" % power, (3, 7), 1, power, epsilon=1e-6,
                        change=first_is_tiny)
        torch_normalize(file, "torch_normalize_%g_epsilon_8" % power, (3, 7), 1, power, epsilon=8.0)
    for kind in TYPES:
        torch_normalize(file, "torch_normalize_2_" + kind, (4, 9), 1, 2, kind=kind)


# --------------------------------------------------------------------------------------------------- Keras


def keras_norm(file, name, made, shape, axes, full, kept, parameters, **options):
    precision = options.get("kind")
    keywords = dict(axis=axes, dtype="mixed_" + precision if precision else "float64", **options.pop("layer", {}))
    function = lambda x, *affine: layer(made(**keywords))(x, *[None if v is None else flat(v) for v in affine])
    flat = (lambda v: keras.ops.reshape(v, (-1,))) if made is L.GroupNormalization else lambda v: v
    options.setdefault("epsilon", keywords.get("epsilon", 1e-3))
    file.add(both, name, full, kept, parameters, by_keras, function, framework=shape, **options)


def keras_layer(file, name, shape, axes, made=L.LayerNormalization, **options):
    keras_norm(file, name, made, shape, axes, *layer_axes(shape, axes), **options)


def keras_group(file, name, shape, axis, groups, **options):
    count = shape[axis] if groups == -1 else groups
    options.setdefault("layer", {})["groups"] = groups
    keras_norm(file, name, L.GroupNormalization, shape, axis, *group_axes(shape, axis, count), **options)


def write_keras(file):
    for name, shape, axes in (("last", (4, 3, 5), -1), ("2", (3, 4, 5), [1, 2]), ("not_last", (3, 4, 5), 1),
                              ("apart", (2, 3, 4, 3), [1, 3])):
        keras_layer(file, "keras_layer_" + name, shape, axes)
    for center, scale in ((False, True), (True, False), (False, False)):
        keras_layer(file, "keras_layer_center_%d_scale_%d" % (center, scale), (5, 7), -1, gamma=scale, beta=center,
                    layer={"center": center, "scale": scale})
    keras_layer(file, "keras_layer_epsilon_1e-5", (5, 7), -1, layer={"epsilon": 1e-5})
    rms = {"statistic": "MEAN_SQUARE", "beta": False, "epsilon": 1e-6, "made": L.RMSNormalization}
    for name, shape, axes in (("last", (5, 7), -1), ("2", (3, 4, 5), [1, 2])):
        keras_layer(file, "keras_rms_" + name, shape, axes, **rms)
    keras_layer(file, "keras_rms_epsilon_0.1", (5, 7), -1, **dict(rms, layer={"epsilon": 0.1}, epsilon=0.1))
    keras_group(file, "keras_group_2", (2, 3, 3, 8), -1, 2)
    keras_group(file, "keras_group_axis_1", (2, 6, 5), 1, 3)
    keras_group(file, "keras_group_instance", (2, 3, 3, 5), -1, -1)
    keras_group(file, "keras_group_1", (3, 5, 4), -1, 1)
    keras_group(file, "keras_group_plain", (2, 6, 5), 1, 2, gamma=False, beta=False,
                layer={"center": False, "scale": False})
    for kind in TYPES:
        keras_layer(file, "keras_layer_" + kind, (4, 9), -1, kind=kind)
        keras_group(file, "keras_group_" + kind, (2, 3, 3, 4), -1, 2, kind=kind)
    unit = {"statistic": "SUM_SQUARE", "gamma": False, "beta": False, "epsilon": 1e-24,
            "made": L.UnitNormalization}
    for name, shape, axes in (("last", (5, 7), -1), ("2", (3, 4, 5), [1, 2])):
        keras_layer(file, "keras_unit_" + name, shape, axes, **unit)
    for order in (1, 3):
        full, kept, parameters = layer_axes((5, 7), -1)
        function = lambda x, *affine: keras.ops.normalize(x, axis=-1, order=order, epsilon=1e-12)
        file.add(both, "keras_normalize_%d" % order, full, kept, parameters, by_keras, function, gamma=False,
                 beta=False, statistic="SUM_POWER", power=order, epsilon=1e-12**order)


# ---------------------------------------------------------------------------------------------------- ONNX


def onnx_case(name, attempt, shape, kept, parameters, values, framework=None, statistic="VARIANCE", epsilon=1e-5,
              power=2, gamma=True, beta=True, full=False, factor=None):
    """Forward only. `values` of x, gamma and beta: Y, and what the operator has of MEAN and INV_STD."""
    data = vectors.Data(name, attempt, shape, kept, full)
    affine = vectors.Data(name + " parameters", attempt, shape, parameters)
    x, g, b = data.x(), affine.gamma() if gamma else None, affine.beta() if beta else None
    outputs = values(x.reshape(framework or shape), *[v for v in (g, b) if v is not None])
    settings = {"statistic": None if statistic == "VARIANCE" else statistic,
                "power": power if statistic == "SUM_POWER" else None,
                "parameter_axes": parameters if gamma or beta else None}
    case = vectors.Case(name, "TRAIN", shape, kept, epsilon=epsilon, factor=factor, **settings).takes(X=x, GAMMA=g, BETA=b)
    mean, _, inverse = statistics(x, kept, statistic, epsilon, power)
    found = dict(zip(("Y", "MEAN", "INV_STD"), outputs))
    return case.gives(Y=found["Y"].reshape(shape),
                      MEAN=None if mean is None else found.get("MEAN", mean).reshape(mean.shape),
                      INV_STD=found.get("INV_STD", inverse).reshape(inverse.shape))


def write_onnx(file):
    for name, shape, axis in (("last", (5, 7), -1), ("1", (3, 4, 5), 1), ("0", (3, 4), 0)):
        full, kept, parameters = layer_axes(shape, range(axis % len(shape), len(shape)))
        values = lambda x, g, b: by_onnx("LayerNormalization", 17, [x, g.reshape(x.shape[axis:]),
                                                                   b.reshape(x.shape[axis:])], 3, axis=axis,
                                         epsilon=1e-5)
        file.add(onnx_case, "onnx_layer_" + name, full, kept, parameters, values, framework=shape)
        values = lambda x, g: by_onnx("RMSNormalization", 23, [x, g.reshape(x.shape[axis:])], axis=axis, epsilon=1e-5)
        file.add(onnx_case, "onnx_rms_" + name, full, kept, parameters, values, framework=shape, beta=False,
                 statistic="MEAN_SQUARE")
    for groups in (1, 2, 6):
        shape = (2, 6, 3, 3)
        full, kept, parameters = group_axes(shape, 1, groups)
        values = lambda x, g, b: by_onnx("GroupNormalization", 21, [x, g.reshape(-1), b.reshape(-1)], epsilon=1e-5,
                                         num_groups=groups, stash_type=11)
        file.add(onnx_case, "onnx_group_21_%d" % groups, full, kept, parameters, values, framework=shape)
        values = lambda x, g, b: by_onnx("GroupNormalization", 18, [x, g, b], epsilon=1e-5, num_groups=groups)
        # of opset 18, scale and bias are one for each group
        file.add(onnx_case, "onnx_group_18_%d" % groups, full, kept, [1], values, framework=shape)
    values = lambda x, g, b: by_onnx("InstanceNormalization", 22, [x, g, b], epsilon=1e-5)
    file.add(onnx_case, "onnx_instance", (2, 3, 4, 5), [0, 1], [1], values)
    for power in (1, 2):
        for name, shape, axis in (("last", (5, 7), -1), ("1", (2, 5, 4), 1)):
            full, kept, parameters = layer_axes(shape, axis)
            values = lambda x: by_onnx("LpNormalization", 22, [x], runtime=True, axis=axis, p=power)
            file.add(onnx_case, "onnx_runtime_lp_%d_%s" % (power, name), full, kept, parameters, values, gamma=False,
                     beta=False, statistic="SUM_SQUARE" if power == 2 else "SUM_POWER", power=power, epsilon=0.0)
    for name, axes in (("channel", [0, 2, 3]), ("all_but_time", [0, 1, 3])):
        kept = [a for a in range(4) if a not in axes]
        values = lambda x: by_onnx("MeanVarianceNormalization", 13, [x], single=True, axes=axes)
        file.add(onnx_case, "onnx_mean_variance_" + name, (2, 3, 4, 5), kept, kept, values, gamma=False, beta=False,
                 epsilon=0.0, factor=4)


def write(folder):
    file = vectors.File(os.path.join(folder, "norms.txt"), VERSIONS)
    write_torch(file)
    write_keras(file)
    write_onnx(file)
    file.write()
