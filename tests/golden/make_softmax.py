"""Softmax, log-softmax and hardmax: any axes together, masks, infinite and large values, a factor of x; gradients
from x and from y."""
import os

import keras
import numpy as np
import tensorflow as tf
import torch
import torch.nn.functional as F

import vectors
from engines import VERSIONS, by_keras, by_onnx, by_torch, rounded
from make_norms import TYPES, layer_axes

SOFTMAX = {"statistic": "LOG_SUM_EXP", "activation": ["EXP"]}
LOG_SOFTMAX = {"statistic": "LOG_SUM_EXP"}


def statistics(u, kept):
    """The maximum, the sum of exp(u - maximum), and its inverse: both 0 where there is nothing but -inf."""
    axes = tuple(a for a in range(u.ndim) if a not in kept)
    most = u.max(axes, keepdims=True, where=np.isfinite(u), initial=-np.inf)
    total = np.exp(u - np.maximum(most, -1e30)).sum(axes)
    return most.reshape(total.shape), total, np.where(total > 0, 1 / np.maximum(total, 1), 0)


def joined(function, axes):
    """A function of one axis, applied to several as if they were one, which become the last."""
    def together(*tensors):
        rank = tensors[0].dim()
        order = [a for a in range(rank) if a not in axes] + list(axes)
        moved = [t.permute(order) for t in tensors]
        flat = [t.reshape(*t.shape[:rank - len(axes)], -1) for t in moved]
        return function(*flat, -1).reshape(moved[0].shape).permute([order.index(a) for a in range(rank)])
    return together


def cases(name, attempt, shape, axes, engine, function, settings, kind=None, factor=None, change=None, mask=None,
          mask_stride=None, full=False, saved="INV_STD", backward=True, saves=True, of_y=None,
          **data_options):
    """`function` of x, and of the mask. The gradient is taken twice: from x with what TRAIN saves, and from y. In 16
    bits a framework has that from y alone, and rounds more than the result: of_y is that gradient in float64."""
    whole, kept, _ = layer_axes(shape, axes)
    data = vectors.Data(name, attempt, whole, kept, full)
    x, dy = rounded(data.x(**data_options), kind), rounded(data.like_x(), kind)
    if change:
        change(x)
    hidden = None if mask is None else mask(data, shape)
    given = (lambda t, *_: function(t)) if mask is None else (lambda t, *_: function(t, hidden))
    (y,), by = engine(given, [x.reshape(shape)], (), [dy.reshape(shape)] if backward else None, kind)
    u = x if factor is None else x * factor
    if mask is not None:
        u = np.where(hidden, u, -np.inf)
    most, total, inverse = statistics(u, kept)
    inputs = {"MASK": None if mask is None else hidden.astype(np.uint8)}
    if factor is not None:
        settings = dict(settings, prologue=["LINEAR", factor])
    if mask is not None:
        settings = dict(settings, mask_stride=mask_stride)
    y = y.reshape(whole)

    def case(operation, suffix, roles):
        types = {role + "_type": TYPES[kind] for role in roles} if kind else {}
        made = vectors.Case(name + suffix, operation, whole, kept, factor=4 if kind else None, **settings, **types)
        made.may_be_infinite = True
        return made.takes(**inputs)
    saved_values = {"MEAN": most, saved: total if saved == "VARIANCE" else inverse}
    made = [case("TRAIN", "", "xy").takes(X=x).gives(Y=y, **({} if kind or not saves else saved_values))]
    if not backward or (kind and not of_y):
        return made
    dx = by[0].reshape(whole)
    seen = rounded(y, kind or "float32")
    if kind:
        dx = rounded(by_torch(of_y, [dy.reshape(shape), seen.reshape(shape)])[0][0].reshape(whole), kind)
    else:
        made.append(case("TRAIN_GRADIENT", "_gradient", ()).takes(X=x, DY=dy, **saved_values).gives(DX=dx))
    if factor is None:
        inputs["MASK"] = None
        settings = {k: v for k, v in settings.items() if k != "mask_stride"}
        made.append(case("TRAIN_GRADIENT", "_gradient_of_y", ["y", "dx"]).takes(Y=seen, DY=dy).gives(DX=dx))
    return made


# ------------------------------------------------------------------------------------------------- changes


def large(x):
    """Where exp would overflow, and where all but the greatest vanish."""
    x *= 1e4


def part_infinite(x):
    x.reshape(-1)[::3] = -np.inf


def one_finite(x):
    x[:, 1:] = -np.inf


def not_numbers(x):
    x[0, 2], x[1, 3], x[2] = np.nan, np.inf, np.inf


def equal(x):
    x[:] = 3.25


def write_torch(file):
    shapes = (("last", (5, 7), [1]), ("first", (5, 7), [0]), ("middle", (2, 5, 4), [1]), ("wide", (3, 67), [1]),
              ("all", (3, 7), [0, 1]), ("joint", (2, 3, 2, 5), [1, 2, 3]), ("apart", (2, 3, 4, 3), [1, 3]),
              ("size_1", (4, 1), [1]), ("vector", (11,), [0]), ("heads", (2, 2, 3, 5), [3]))
    for word, function, settings in (("softmax", F.softmax, SOFTMAX), ("log_softmax", F.log_softmax, LOG_SOFTMAX)):
        of_y = getattr(torch.ops.aten, "_%s_backward_data" % word)
        of_y = lambda dy, y, dim, of_y=of_y: of_y(dy, y, dim, torch.float64)

        def add(name, shape, axes, function=function, **options):
            file.add(cases, "torch_%s_%s" % (word, name), shape, axes, by_torch, joined(function, axes), settings,
                     **options)
        for name, shape, axes in shapes:
            add(name, shape, axes)
        add("variance", (5, 7), [1], saved="VARIANCE")
        add("full_precision", (4, 33), [1], full=True)
        add("mean_1e6", (4, 33), [1], full=True, offset=1e6)
        add("large", (3, 9), [1], change=large)
        add("equal", (3, 9), [1], change=equal)
        # PyTorch's gradient of log-softmax has 0 * inf there
        add("part_infinite", (4, 7), [1], change=part_infinite, backward=word == "softmax")
        add("one_finite", (4, 7), [1], change=one_finite, backward=word == "softmax")
        add("not_numbers", (4, 7), [1], change=not_numbers, backward=False, saves=False)
        for factor in (0.125, -2.0):
            add("factor_%g" % factor, (2, 3, 9), [2], factor=factor,
                function=lambda x, dim, function=function, factor=factor: function(x * factor, dim))
        for kind in TYPES:
            add(kind, (4, 9), [1], kind=kind, of_y=joined(of_y, [1]))
            add(kind + "_joint", (2, 3, 5), [1, 2], kind=kind, of_y=joined(of_y, [1, 2]))


def some(*extents):
    """A mask of these extents, of every row of which something is left."""
    def mask(data, shape):
        made = data.rng.random(extents) < 0.6
        made[..., 0] = True
        return made
    return mask


def without_a_row(data, shape):
    made = some(*shape)(data, shape)
    made[1] = False
    return made


def write_keras(file):
    def softmax(axis):
        made = keras.layers.Softmax(axis=axis, dtype="float64")
        return lambda x, mask=None: made(x, mask=None if mask is None else tf.constant(mask))
    for name, shape, axis in (("last", (4, 3, 5), -1), ("middle", (2, 5, 4), 1), ("list", (2, 3, 4, 3), [1, 2]),
                              ("list_of_one", (3, 4, 5), [2])):
        file.add(cases, "keras_softmax_" + name, shape, axis, by_keras, softmax(axis), SOFTMAX)
    dense = lambda shape: [int(np.prod(shape[a + 1:])) for a in range(len(shape))]
    for name, shape, axis in (("last", (4, 7), -1), ("rank_3", (2, 3, 5), -1), ("middle", (2, 5, 4), 1),
                              ("list", (2, 3, 5), [1, 2])):
        file.add(cases, "keras_softmax_mask_" + name, shape, axis, by_keras, softmax(axis), SOFTMAX,
                 mask=some(*shape), mask_stride=dense(shape))
    # of attention: heads and queries share it
    file.add(cases, "keras_softmax_mask_of_keys", (2, 3, 2, 5), -1, by_keras, softmax(-1), SOFTMAX,
             mask=some(2, 1, 1, 5), mask_stride=[5, 0, 0, 1])
    file.add(cases, "keras_softmax_mask_without_a_row", (3, 6), -1, by_keras, softmax(-1), SOFTMAX,
             mask=without_a_row, mask_stride=[6, 1])
    file.add(cases, "tf_log_softmax", (4, 7), -1, by_keras, lambda x: tf.nn.log_softmax(x, -1), LOG_SOFTMAX)
    file.add(cases, "tf_softmax", (4, 7), -1, by_keras, lambda x: tf.nn.softmax(x, -1), SOFTMAX)


def write_onnx(file):
    for operator, settings in (("Softmax", SOFTMAX), ("LogSoftmax", LOG_SOFTMAX), ("Hardmax", {"statistic": "MAX"})):
        for name, opset, shape, axis, axes in (("last", 13, (5, 7), -1, [1]), ("1", 13, (2, 5, 4), 1, [1]),
                                               ("joint", 11, (2, 3, 5), 1, [1, 2])):
            runtime = opset < 13  # the reference evaluator has the new meaning alone: ONNX Runtime has both
            function = lambda x: by_onnx(operator, opset, [x], runtime=runtime, single=operator == "Hardmax", axis=axis)[0]
            file.add(onnx_case, "onnx_%s_%s" % (operator.lower(), name), shape, axes, function, settings)


def onnx_case(name, attempt, shape, axes, function, settings):
    whole, kept, _ = layer_axes(shape, axes)
    x = vectors.Data(name, attempt, whole, kept).x()
    return vectors.Case(name, "TRAIN", whole, kept, **settings).takes(X=x).gives(Y=function(x.reshape(shape)).reshape(
        whole))


def write(folder):
    file = vectors.File(os.path.join(folder, "softmax.txt"), VERSIONS)
    write_torch(file)
    write_keras(file)
    write_onnx(file)
    file.write()
