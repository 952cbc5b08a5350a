"""Activations alone, and their gradients: of each framework what it has, with its own defaults."""
import os

import keras
import numpy as np
import torch
import torch.nn.functional as F

import vectors
from engines import VERSIONS, by_keras, by_onnx, by_torch

K = keras.activations
INF = "inf"
# What each function is given: its domain, then numbers far out and near 0. Positive: log and its like.
NEAR = np.arange(-6, 6.01, 0.25)
FAR = np.array([-200, -88, -50, -20.5, -12.25, 8.5, 12.25, 16.5, 20.5, 50, 88, 200])
TINY = np.array([-1, 1]).repeat(3) * np.array([2.0**-4, 2.0**-9, 2.0**-24] * 2)
WHOLE = np.concatenate([NEAR, FAR, TINY])
BELOW_80 = WHOLE[WHOLE < 80]
POSITIVE = np.concatenate([np.arange(0.375, 6, 0.125), [0.9375, 1.0625, 20.5, 88, 200]])
NOT_TINY = WHOLE[(WHOLE == 0) | (np.abs(WHOLE) > 2.0**-10)]  # where z - tanh(z) has digits left in float64
AROUND_0 = np.concatenate([NEAR[NEAR != 0], [-20.5, 20.5]])

# Name, what it is in vknorm, the function, the domain, kinks where the framework's gradient is another one.
TORCH = [
    ("relu", ["RELU", 0, 0, INF], F.relu), ("relu6", ["RELU", 0, 0, 6], F.relu6),
    ("leaky_relu", ["LEAKY_RELU", 0.01], F.leaky_relu), ("rrelu", ["LEAKY_RELU", 11 / 48], F.rrelu),
    ("elu", ["ELU", 1], F.elu), ("elu_0.5", ["ELU", 0.5], lambda x: F.elu(x, 0.5)),
    ("sigmoid", ["SIGMOID"], torch.sigmoid), ("tanh", ["TANH"], torch.tanh),
    ("silu", ["SILU", 1], F.silu), ("silu_beta", ["SILU", -0.75], lambda x: x * torch.sigmoid(-0.75 * x)),
    ("gelu", ["GELU"], F.gelu), ("hardswish", ["HARD_SWISH"], F.hardswish),
    ("clamp", ["CLIP", -1, 0.5], lambda x: torch.clamp(x, -1, 0.5)),
    ("hardtanh", ["CLIP", -1, 1], F.hardtanh, WHOLE, [-1, 1]),
    ("selu", ["SELU"], F.selu), ("celu", ["CELU", 1], F.celu), ("celu_0.5", ["CELU", 0.5], lambda x: F.celu(x, 0.5)),
    ("gelu_tanh", ["GELU_TANH"], lambda x: F.gelu(x, approximate="tanh")),
    ("quick_gelu", ["QUICK_GELU", 1.702], lambda x: x * torch.sigmoid(float(np.float32(1.702)) * x)),
    ("logsigmoid", ["LOG_SIGMOID"], F.logsigmoid), ("hardsigmoid", ["HARD_SIGMOID", 1 / 6, 0.5], F.hardsigmoid),
    ("tanhshrink", ["TANH_SHRINK"], F.tanhshrink, NOT_TINY), ("softplus", ["SOFTPLUS", 1, 20], F.softplus),
    ("softplus_2_5", ["SOFTPLUS", 2, 5], lambda x: F.softplus(x, 2, 5)),
    ("softsign", ["SOFTSIGN"], F.softsign), ("mish", ["MISH"], F.mish),
    ("softshrink", ["SOFT_SHRINK", 0.5], F.softshrink), ("hardshrink", ["HARD_SHRINK", 0.5], F.hardshrink),
    ("threshold", ["THRESHOLD", 0.5, -2], lambda x: F.threshold(x, 0.5, -2)),
    ("threshold_1", ["THRESHOLDED_RELU", 1], lambda x: F.threshold(x, 1, 0)),
    ("exp", ["EXP"], torch.exp, BELOW_80), ("log", ["LOG"], torch.log, POSITIVE),
    ("linear", ["LINEAR", -1.5, 0.25], lambda x: -1.5 * x + 0.25), ("neg", ["LINEAR", -1, 0], torch.neg),
    ("abs", ["ABS"], torch.abs), ("square", ["SQUARE"], torch.square), ("sqrt", ["SQRT"], torch.sqrt, POSITIVE),
    ("reciprocal", ["RECIPROCAL"], torch.reciprocal, AROUND_0), ("pow_2", ["POW", 2], lambda x: x**2),
    ("pow_3", ["POW", 3], lambda x: x**3), ("pow_-1.5", ["POW", -1.5], lambda x: x**-1.5, POSITIVE),
    ("erf", ["ERF"], torch.erf), ("sign", ["SIGN"], torch.sign),
]
KERAS = [
    ("relu", ["RELU", 0, 0, INF], K.relu), ("relu6", ["RELU", 0, 0, 6], K.relu6),
    ("relu_all", ["RELU", 0.125, 0.25, 1.5], lambda x: K.relu(x, 0.125, 1.5, 0.25), WHOLE, [0.25, 1.5]),
    ("leaky_relu", ["LEAKY_RELU", 0.25], lambda x: K.leaky_relu(x, 0.25)), ("elu", ["ELU", 1], K.elu),
    ("sigmoid", ["SIGMOID"], K.sigmoid), ("tanh", ["TANH"], K.tanh), ("silu", ["SILU", 1], K.silu),
    ("gelu", ["GELU"], K.gelu), ("hard_silu", ["HARD_SWISH"], K.hard_silu), ("hard_tanh", ["CLIP", -1, 1], K.hard_tanh),
    ("selu", ["SELU"], K.selu, WHOLE, [0]), ("celu", ["CELU", 1], K.celu, WHOLE, [0]),
    ("celu_0.5", ["CELU", 0.5], lambda x: K.celu(x, 0.5), WHOLE, [0]),
    ("gelu_tanh", ["GELU_TANH"], lambda x: K.gelu(x, True)), ("log_sigmoid", ["LOG_SIGMOID"], K.log_sigmoid),
    ("hard_sigmoid", ["HARD_SIGMOID", 1 / 6, 0.5], K.hard_sigmoid),
    ("sparse_sigmoid", ["HARD_SIGMOID", 0.5, 0.5], K.sparse_sigmoid), ("tanh_shrink", ["TANH_SHRINK"], K.tanh_shrink, NOT_TINY),
    ("softplus", ["SOFTPLUS", 1, INF], K.softplus), ("softsign", ["SOFTSIGN"], K.softsign), ("mish", ["MISH"], K.mish),
    ("soft_shrink", ["SOFT_SHRINK", 0.5], K.soft_shrink), ("hard_shrink", ["HARD_SHRINK", 0.5], K.hard_shrink),
    ("threshold", ["THRESHOLD", 0.5, -2], lambda x: K.threshold(x, 0.5, -2.0)),
    ("squareplus", ["SQUAREPLUS", 4], K.squareplus),
    ("squareplus_0.25", ["SQUAREPLUS", 0.25], lambda x: K.squareplus(x, 0.25)),
    ("exponential", ["EXP"], K.exponential, BELOW_80), ("linear", ["LINEAR", 1, 0], K.linear),
    ("sparse_plus", ["SPARSE_PLUS"], K.sparse_plus), ("log", ["LOG"], keras.ops.log, POSITIVE),
    ("abs", ["ABS"], keras.ops.abs), ("square", ["SQUARE"], keras.ops.square),
    ("sqrt", ["SQRT"], keras.ops.sqrt, POSITIVE), ("reciprocal", ["RECIPROCAL"], keras.ops.reciprocal, AROUND_0),
    ("power_3", ["POW", 3], lambda x: keras.ops.power(x, 3)), ("erf", ["ERF"], keras.ops.erf),
    ("sign", ["SIGN"], keras.ops.sign),
]
# Name, what it is in vknorm, the operator, its attributes, the domain.
ONNX = [
    ("relu", ["RELU", 0, 0, INF], "Relu", {}), ("leaky_relu", ["LEAKY_RELU", 0.01], "LeakyRelu", {}),
    ("elu", ["ELU", 1], "Elu", {}), ("sigmoid", ["SIGMOID"], "Sigmoid", {}), ("tanh", ["TANH"], "Tanh", {}),
    ("gelu", ["GELU"], "Gelu", {}, WHOLE[WHOLE >= 0]), ("hard_swish", ["HARD_SWISH"], "HardSwish", {}), ("selu", ["SELU"], "Selu", {}),
    ("celu", ["CELU", 1], "Celu", {}), ("celu_2", ["CELU", 2], "Celu", {"alpha": 2.0}),
    ("gelu_tanh", ["GELU_TANH"], "Gelu", {"approximate": "tanh"}),
    ("hard_sigmoid", ["HARD_SIGMOID", 0.2, 0.5], "HardSigmoid", {}), ("softplus", ["SOFTPLUS", 1, INF], "Softplus", {}),
    ("softsign", ["SOFTSIGN"], "Softsign", {}), ("mish", ["MISH"], "Mish", {}), ("shrink", ["SHRINK", 0, 0.5], "Shrink", {}),
    ("shrink_bias", ["SHRINK", -0.25, 1.5], "Shrink", {"bias": -0.25, "lambd": 1.5}),
    ("thresholded_relu", ["THRESHOLDED_RELU", 1], "ThresholdedRelu", {}), ("exp", ["EXP"], "Exp", {}, BELOW_80),
    ("log", ["LOG"], "Log", {}, POSITIVE), ("neg", ["LINEAR", -1, 0], "Neg", {}), ("abs", ["ABS"], "Abs", {}),
    ("sqrt", ["SQRT"], "Sqrt", {}, POSITIVE), ("reciprocal", ["RECIPROCAL"], "Reciprocal", {}, AROUND_0),
    ("erf", ["ERF"], "Erf", {}), ("sign", ["SIGN"], "Sign", {}),
]
SINGLE = ("celu", "celu_2", "gelu")  # of float32 alone, or with erf in float32


def inputs(name, attempt, domain, kinks=()):
    x = np.array([v for v in domain if v not in kinks])
    data = vectors.Data(name, attempt, x.shape, [])
    return x, data.like_x()


def both(name, attempt, engine, activation, function, domain=WHOLE, kinks=()):
    x, dy = inputs(name, attempt, domain, kinks)
    (y,), (dx,) = engine(function, [x], (), [dy])
    dx = np.zeros_like(x) if dx is None else dx  # TensorFlow's gradient of a sign
    settings = {"statistic": "NONE", "activation": activation}
    return [vectors.Case(name, "APPLY", x.shape, [], **settings).takes(X=x).gives(Y=y),
            vectors.Case(name + "_gradient", "APPLY_GRADIENT", x.shape, [], **settings).takes(X=x, DY=dy).gives(DX=dx)]


def forward(name, attempt, activation, operator, attributes, domain=WHOLE, single=False):
    x, _ = inputs(name, attempt, domain)
    y = by_onnx(operator, 22, [x], single=single, **attributes)[0]
    return vectors.Case(name, "APPLY", x.shape, [], statistic="NONE", activation=activation,
                        factor=4 if single else None).takes(X=x).gives(Y=y)


def write(folder):
    file = vectors.File(os.path.join(folder, "activations.txt"), VERSIONS)
    for name, activation, function, *rest in TORCH:
        file.add(both, "torch_" + name, by_torch, activation, function, *rest)
    for name, activation, function, *rest in KERAS:
        file.add(both, "keras_" + name, by_keras, activation, function, *rest)
    for name, activation, operator, attributes, *rest in ONNX:
        file.add(forward, "onnx_" + name, activation, operator, attributes, *rest, single=name in SINGLE)
    file.write()
