"""Reductions over sets of axes: PyTorch, NumPy, TensorFlow and ONNX. Forward only."""
import os

import keras
import numpy as np
import tensorflow as tf
import torch

import vectors
from engines import VERSIONS, by_onnx, rounded
from make_norms import TYPES, layer_axes


def flat(function):
    """A function of one axis, applied to several as if they were one, which become the last."""
    def together(x, axes):
        kept = [a for a in range(x.dim()) if a not in axes]
        moved = x.permute(kept + list(axes))
        return function(moved.reshape([x.shape[a] for a in kept] + [-1]), -1)
    return together


UNBIASED = {"running_variance": "UNBIASED"}

# Name: PyTorch's function of a tensor and axes, what it finds the index with, statistic, other settings.
TORCH = {
    "sum": (lambda x, axes: x.sum(axes), None, "SUM", {}),
    "mean": (lambda x, axes: x.mean(axes), None, "MEAN", {}),
    "var_0": (lambda x, axes: x.var(axes, correction=0), None, "VARIANCE", {}),
    "var_1": (lambda x, axes: x.var(axes, correction=1), None, "VARIANCE", UNBIASED),
    "amax": (lambda x, axes: x.amax(axes), flat(torch.argmax), "MAX", {}),
    "amin": (lambda x, axes: x.amin(axes), flat(torch.argmin), "MIN", {}),
    "prod": (flat(torch.prod), None, "PRODUCT", {}),
    "logsumexp": (lambda x, axes: x.logsumexp(axes), None, "LOG_SUM_EXP", {}),
    "l1": (lambda x, axes: torch.linalg.vector_norm(x, 1, axes), None, "SUM_POWER", {"power": 1}),
    "l1_abs": (lambda x, axes: torch.linalg.vector_norm(x, 1, axes), None, "SUM", {"prologue": ["ABS"]}),
    "l2": (lambda x, axes: torch.linalg.vector_norm(x, 2, axes), None, "SUM_SQUARE", {"activation": ["SQRT"]}),
    "l3_cubed": (lambda x, axes: torch.linalg.vector_norm(x, 3, axes)**3, None, "SUM_POWER", {"power": 3}),
    "sum_square": (lambda x, axes: x.square().sum(axes), None, "SUM_SQUARE", {}),
    "mean_square": (lambda x, axes: x.square().mean(axes), None, "MEAN_SQUARE", {}),
}

SHAPES = (("last", (5, 7), [1]), ("first", (5, 7), [0]), ("joint", (2, 3, 2, 5), [1, 3]), ("middle", (2, 5, 4), [1]),
          ("all", (3, 7), [0, 1]), ("wide", (2, 131), [1]), ("size_1", (4, 1), [1]))

# No description of them: n - 1 of one element is NaN for PyTorch, for us n = 1 counts as 2.
LEFT_OUT = {("var_1", "size_1")}


def torch_case(name, attempt, word, shape, axes, kind=None, change=None, **data_options):
    function, index, statistic, settings = TORCH[word]
    whole, kept, _ = layer_axes(shape, axes)
    full = data_options.pop("full", False)
    x = rounded(vectors.Data(name, attempt, whole, kept, full).x(**data_options), kind)
    if change:
        change(x)
    t = torch.tensor(x.reshape(shape))
    extents = [whole[a] for a in kept]
    result = rounded(function(t, axes).double().numpy(), kind).reshape(extents)
    if kind:
        settings = dict(settings, x_type=TYPES[kind], y_type=TYPES[kind])
    case = vectors.Case(name, "REDUCE", whole, kept, statistic=None if statistic == "VARIANCE" else statistic,
                        **settings)
    case.may_be_infinite = True
    return case.takes(X=x).gives(RESULT=result, INDEX=None if index is None else index(t, axes).numpy().reshape(extents))


def large(x):
    x *= 1e4


def small(x):
    """Products that would underflow on the way, and do not in the end."""
    x[:, ::2] *= 2.0**-40
    x[:, 1::2] *= 2.0**40


def positive(x):
    x[:] = np.abs(x) + 0.25


def part_infinite(x):
    x[0, 0], x[1, 1], x[2] = -np.inf, np.inf, -np.inf


def not_numbers(x):
    x[0, 3] = x[0, 5] = x[2, 0] = np.nan


def repeated(x):
    x[:, 2:] = x[:, :1]


def write_torch(file):
    for word in TORCH:
        for name, shape, axes in SHAPES:
            if (word, name) not in LEFT_OUT:
                file.add(torch_case, "torch_%s_%s" % (word, name), word, shape, axes, full=name == "wide")
    for word in ("sum", "mean", "var_0", "var_1", "amax", "logsumexp", "mean_square"):
        file.add(torch_case, "torch_%s_mean_1e6" % word, word, (3, 65), [1], full=True, offset=1e6)
        for kind in TYPES:
            file.add(torch_case, "torch_%s_%s" % (word, kind), word, (4, 9), [1], kind=kind)
    file.add(torch_case, "torch_logsumexp_large", "logsumexp", (3, 9), [1], change=large)
    file.add(torch_case, "torch_prod_small", "prod", (3, 40), [1], change=small)
    for word in ("amax", "amin", "logsumexp"):
        file.add(torch_case, "torch_%s_infinite" % word, word, (3, 5), [1], change=part_infinite)
    for word in ("sum", "mean", "amax", "amin", "prod"):
        file.add(torch_case, "torch_%s_nan" % word, word, (3, 7), [1], change=not_numbers)


def other_case(name, attempt, shape, axes, function, settings, role="RESULT", change=None):
    whole, kept, _ = layer_axes(shape, axes)
    x = vectors.Data(name, attempt, whole, kept).x()
    if change:
        change(x)
    case = vectors.Case(name, "REDUCE", whole, kept, **settings)
    case.may_be_infinite = True
    return case.takes(X=x).gives(**{role: np.asarray(function(x.reshape(shape))).reshape([whole[a] for a in kept])})


def write_others(file):
    axes = lambda a: np.asarray(a, np.int64)
    for name, shape, over in SHAPES[:3]:
        def onnx(operator, opset, settings, over=over):
            if operator == "ReduceSum" or opset >= 18:
                return lambda x: by_onnx(operator, opset, [x, axes(over)], keepdims=0)[0], settings
            return lambda x: by_onnx(operator, opset, [x], keepdims=0, axes=over)[0], settings
        for operator, settings in (("ReduceSum", {"statistic": "SUM"}), ("ReduceMean", {"statistic": "MEAN"}),
                                   ("ReduceMax", {"statistic": "MAX"}), ("ReduceMin", {"statistic": "MIN"}),
                                   ("ReduceProd", {"statistic": "PRODUCT"}),
                                   ("ReduceSumSquare", {"statistic": "SUM_SQUARE"}),
                                   ("ReduceLogSumExp", {"statistic": "LOG_SUM_EXP"}),
                                   ("ReduceL1", {"statistic": "SUM_POWER", "power": 1}),
                                   ("ReduceL2", {"statistic": "SUM_SQUARE", "activation": ["SQRT"]})):
            file.add(other_case, "onnx_%s_%s" % (operator, name), shape, over, *onnx(operator, 18, settings))
        file.add(other_case, "onnx_ReduceLogSum_" + name, shape, over,
                 *onnx("ReduceLogSum", 18, {"statistic": "SUM", "activation": ["LOG"]}), change=positive)
        file.add(other_case, "tf_variance_" + name, shape, over, lambda x: tf.math.reduce_variance(x, over), {})
        file.add(other_case, "keras_logsumexp_" + name, shape, over, lambda x: keras.ops.logsumexp(x, over),
                 {"statistic": "LOG_SUM_EXP"})
        file.add(other_case, "numpy_prod_" + name, shape, over, lambda x: np.prod(x, tuple(over)),
                 {"statistic": "PRODUCT"})
    for last in (0, 1):
        for operator, statistic in (("ArgMax", "MAX"), ("ArgMin", "MIN")):
            file.add(other_case, "onnx_%s_select_last_%d" % (operator, last), (4, 9), [1],
                     lambda x: by_onnx(operator, 13, [x], axis=1, keepdims=0, select_last_index=last)[0],
                     {"statistic": statistic, "last_index": last}, role="INDEX", change=repeated)
    for word, function, statistic in (("argmax", np.argmax, "MAX"), ("argmin", np.argmin, "MIN")):
        file.add(other_case, "numpy_%s_of_equals" % word, (4, 9), [1], lambda x: function(x, 1),
                 {"statistic": statistic}, role="INDEX", change=repeated)
        file.add(other_case, "numpy_%s_nan" % word, (3, 7), [1], lambda x: function(x, 1),
                 {"statistic": statistic}, role="INDEX", change=not_numbers)
    for word, function, statistic in (("sum", np.sum, "SUM"), ("prod", np.prod, "PRODUCT"), ("mean", np.mean, "MEAN")):
        def empty(x):
            with np.errstate(all="ignore"):
                return function(x, 1)
        file.add(other_case, "numpy_%s_of_nothing" % word, (3, 0), [1], empty, {"statistic": statistic})


def write(folder):
    file = vectors.File(os.path.join(folder, "reductions.txt"), VERSIONS + ["numpy_ cases: NumPy %s." %
                                                                           np.__version__])
    write_torch(file)
    write_others(file)
    file.write()
