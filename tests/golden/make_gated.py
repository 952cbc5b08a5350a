"""Gated linear units, and PReLU with its slopes: alone and after a norm."""
import os

import keras
import numpy as np
import torch
import torch.nn.functional as F

import vectors
from engines import VERSIONS, by_keras, by_onnx, by_torch, layer, rounded
from make_norms import TYPES

# Name: PyTorch's function, VknActivation, kinks of the derivative.
GATES = {
    "glu": (torch.sigmoid, ["SIGMOID"], []),
    "reglu": (F.relu, ["RELU", 0, 0, "inf"], [0]),
    "geglu": (F.gelu, ["GELU"], []),
    "swiglu": (F.silu, ["SILU", 1], []),
    "bilinear": (lambda z: z, ["IDENTITY"], []),
}


def types_of(kind, *roles):
    return dict({role + "_type": TYPES[kind] for role in roles}, factor=4) if kind else {}


def gated(name, attempt, gate, shape, axis, kind=None, whole=None, full=False):
    """PyTorch's units take one tensor, half of which is the factor: F.glu(input) = input[0] * sigmoid(input[1])."""
    function, activation, kinks = GATES[gate]
    data = vectors.Data(name, attempt, shape, axis, full)
    x, factor, dy = (rounded(v, kind) for v in (data.x(), data.like_x(), data.like_x()))
    vectors.away(x, kinks)

    def unit(joint):
        a, b = torch.chunk(joint, 2, axis)
        if kind:  # in 16 bits it would round the activation, too
            a, b = a.float(), b.float()
        return (whole(joint, axis) if whole else a * function(b)).to(joint.dtype)
    (y,), (by,) = by_torch(unit, [np.concatenate([factor, x], axis)], (), [dy], kind)
    dfactor, dx = np.split(by, 2, axis)
    settings = {"statistic": "NONE", "residual_use": "FACTOR", "activation": activation}
    forward = vectors.Case(name, "APPLY", shape, [], **settings, **types_of(kind, "x", "y", "residual"))
    backward = vectors.Case(name + "_gradient", "APPLY_GRADIENT", shape, [], **settings,
                            **types_of(kind, "x", "y", "residual", "dx"))
    return [forward.takes(X=x, RESIDUAL=factor).gives(Y=y),
            backward.takes(X=x, RESIDUAL=factor, DY=dy).gives(DX=dx, DRESIDUAL=dfactor)]


def prelu(name, attempt, shape, axes, engine, function, kind=None, accumulate=False):
    """Slopes of their own along `axes`; none of these: one slope."""
    data, slopes = (vectors.Data(name + what, attempt, shape, axes) for what in ("", " slopes"))
    x, dy, slope = rounded(data.x(), kind), rounded(data.like_x(), kind), slopes.rounded(
        slopes.rng.uniform(-0.5, 1.5, slopes.channels or (1,)))
    vectors.away(x, [0])
    (y,), by = engine(function, [x], [slope], [dy], kind)
    settings = {"statistic": "NONE", "activation": ["PRELU"]}
    forward = vectors.Case(name, "APPLY", shape, axes, **settings, **types_of(kind, "x", "y"))
    backward = vectors.Case(name + "_gradient", "APPLY_GRADIENT", shape, axes, **settings,
                            **types_of(kind, "x", "y", "dx"))
    dslope = by[1]
    if accumulate:
        before = slopes.rounded(slopes.rng.standard_normal(slope.shape))
        backward.settings["accumulate"] = 1
        backward.takes(DSLOPE=before)
        dslope = dslope + before
    return [forward.takes(X=x, SLOPE=slope).gives(Y=y),
            backward.takes(X=x, SLOPE=slope, DY=dy).gives(DX=by[0], DSLOPE=dslope)]


def after_norm(name, attempt, shape, kept, axes, norm):
    """PReLU of a norm whose gamma, beta and slopes lie along the same axes."""
    data, affine = vectors.Data(name, attempt, shape, kept), vectors.Data(name + " parameters", attempt, shape, axes)
    x, dy, gamma, beta = data.x(), data.like_x(), affine.gamma(), affine.beta()
    slope = affine.rounded(affine.rng.uniform(-0.5, 1.5, affine.channels))
    spread = lambda v: v.reshape([n if a in affine.kept else 1 for a, n in enumerate(shape)])
    seen = []

    def function(t, g, b, s):
        z = norm(t, g, b)
        seen.append(z.detach().numpy())
        return torch.where(z > 0, z, spread(s) * z) if len(affine.channels) > 1 else F.prelu(
            z.movedim(affine.kept[0], 1), s).movedim(1, affine.kept[0])
    (y,), by = by_torch(function, [x], [gamma, beta, slope], [dy])
    vectors.away(seen[0], [0])
    mean, variance = data.moments(x)
    settings = {"epsilon": 1e-5, "activation": ["PRELU"], "parameter_axes": None if kept == axes else axes}
    inputs = {"X": x, "GAMMA": gamma, "BETA": beta, "SLOPE": slope}
    inverse = 1 / np.sqrt(variance + 1e-5)
    return [vectors.Case(name + "_train", "TRAIN", shape, kept, **settings).takes(**inputs).gives(
                Y=y, MEAN=mean, INV_STD=inverse),
            vectors.Case(name + "_gradient", "TRAIN_GRADIENT", shape, kept, **settings).takes(
                DY=dy, MEAN=mean, INV_STD=inverse, **inputs).gives(DX=by[0], DGAMMA=by[1], DBETA=by[2], DSLOPE=by[3])]


def onnx_prelu(name, attempt, shape, axes, slope_shape):
    data = vectors.Data(name, attempt, shape, axes)
    x, slope = data.x(), data.rounded(data.rng.uniform(-0.5, 1.5, data.channels or (1,)))
    y = by_onnx("PRelu", 16, [x, slope.reshape(slope_shape)])[0]
    return vectors.Case(name, "APPLY", shape, axes, statistic="NONE", activation=["PRELU"]).takes(
        X=x, SLOPE=slope).gives(Y=y)


def write(folder):
    file = vectors.File(os.path.join(folder, "gated.txt"), VERSIONS)
    for gate in GATES:
        whole = F.glu if gate == "glu" else None
        file.add(gated, "torch_%s_last" % gate, gate, (5, 7), 1, whole=whole)
        file.add(gated, "torch_%s_channels" % gate, gate, (2, 3, 2, 5), 1, whole=whole, full=True)
        for kind in TYPES:
            file.add(gated, "torch_%s_%s" % (gate, kind), gate, (3, 9), 1, kind=kind)
    file.add(gated, "torch_swiglu_1", "swiglu", (1, 1), 1)
    file.add(gated, "torch_swiglu_wide", "swiglu", (2, 67), 1)
    for name, shape, axes in (("1", (5, 7), []), ("channels", (2, 3, 2, 5), [1]), ("bf", (11, 4), [1]),
                              ("ncl", (3, 4, 7), [1]), ("wide", (2, 3, 41), [1])):
        file.add(prelu, "torch_prelu_" + name, shape, axes, by_torch, F.prelu)
    file.add(prelu, "torch_prelu_accumulate", (2, 3, 2, 5), [1], by_torch, F.prelu, accumulate=True)
    for kind in TYPES:  # its slopes have x's type; the gradient by them is summed in 16 bits
        file.add(lambda *a, **k: prelu(*a, **k)[0], "torch_prelu_" + kind, (3, 4, 7), [1], by_torch,
                 lambda x, slope: F.prelu(x.float(), slope).to(x.dtype), kind=kind)
    # Keras has a slope for each index of all axes but the first and the shared ones
    for name, shape, axes, shared in (("elements", (4, 3, 5), [1, 2], None), ("channels", (2, 2, 3, 5), [3], [1, 2]),
                                      ("rows", (2, 4, 3, 2), [1, 3], [2]), ("1", (5, 7), [], [1])):
        def function(x, slope, shape=shape, axes=axes, shared=shared):
            made = keras.layers.PReLU(shared_axes=shared, dtype="float64")
            extents = [n if a in axes else 1 for a, n in enumerate(shape)][1:]
            return layer(made)(x, keras.ops.reshape(slope, extents))
        file.add(prelu, "keras_prelu_" + name, shape, axes, by_keras, function)
    file.add(onnx_prelu, "onnx_prelu_1", (5, 7), [], (1,))
    file.add(onnx_prelu, "onnx_prelu_channels", (2, 3, 2, 5), [1], (3, 1, 1))
    file.add(onnx_prelu, "onnx_prelu_elements", (4, 3, 5), [1, 2], (3, 5))
    batch = lambda x, g, b: F.batch_norm(x, None, None, g, b, True, 0.1, 1e-5)
    file.add(after_norm, "torch_batch_prelu_nchw", (2, 3, 2, 5), [1], [1], batch)
    file.add(after_norm, "torch_batch_prelu_bf", (11, 4), [1], [1], batch)
    file.add(after_norm, "torch_batch_prelu_nhwc", (2, 2, 3, 5), [3], [3],
             lambda x, g, b: batch(x.movedim(3, 1), g, b).movedim(1, 3))
    file.add(after_norm, "torch_layer_prelu", (5, 7), [0], [1], lambda x, g, b: F.layer_norm(x, (7,), g, b))
    file.add(after_norm, "torch_layer_2_prelu", (3, 4, 5), [0], [1, 2], lambda x, g, b: F.layer_norm(x, (4, 5), g, b))
    file.write()
