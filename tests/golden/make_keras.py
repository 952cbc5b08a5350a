"""Keras 3 on TensorFlow: keras.layers.BatchNormalization in float64."""
import os

import keras
import numpy as np
import tensorflow as tf

import vectors

L = keras.layers

# Name: the layer, VknActivation and its parameters, kinks of the derivative.
ACTIVATIONS = {
    "relu": (L.ReLU, {}, ["RELU", 0, 0, "inf"], [0]),
    "relu6": (L.ReLU, {"max_value": 6}, ["RELU", 0, 0, 6], [0, 6]),
    "relu_all": (L.ReLU, {"negative_slope": 0.125, "threshold": 0.25, "max_value": 1.5},
                 ["RELU", 0.125, 0.25, 1.5], [0.25, 1.5]),
    "leaky_relu": (L.LeakyReLU, {}, ["LEAKY_RELU", 0.3], [0]),
    "elu": (L.ELU, {}, ["ELU", 1], []),
    "elu_2": (L.ELU, {"alpha": 2.0}, ["ELU", 2], [0]),
    "sigmoid": (L.Activation, {"activation": "sigmoid"}, ["SIGMOID"], []),
    "tanh": (L.Activation, {"activation": "tanh"}, ["TANH"], []),
    "silu": (L.Activation, {"activation": "silu"}, ["SILU", 1], []),
    "gelu": (L.Activation, {"activation": "gelu"}, ["GELU"], []),
    "hard_swish": (L.Activation, {"activation": "hard_swish"}, ["HARD_SWISH"], [-3, 3]),
}

LAYOUTS = {
    "bf": ((11, 4), -1),
    "btf": ((3, 5, 4), -1),
    "btf_time": ((4, 5, 3), 1),
    "nhwc": ((2, 2, 3, 5), -1),
    "nchw": ((2, 3, 2, 5), 1),
    "nhwc_rows": ((2, 3, 4, 3), 1),
    "ndhwc": ((2, 2, 2, 2, 4), -1),
    "wide": ((2, 3, 5, 12), -1),
}


# Keras' policies that keep parameters in float32.
TYPES = {"mixed_float16": "F16", "mixed_bfloat16": "BF16"}


def array(values):
    return None if values is None else np.asarray(values, np.float64)


class Problem:
    """A BatchNormalization layer and its data. Statistics are asked of the layer itself, before it runs."""

    def __init__(self, name, attempt, layout, activation=None, prologue=None, residual=False, training=True,
                 trainable=True, mask=None, clipping=None, full=False, offset=0.0, dtype="float64", **options):
        self.shape, self.axis = LAYOUTS[layout]
        self.data = data = vectors.Data(name, attempt, self.shape, self.axis, full)
        self.name, self.activation, self.prologue, self.dtype = name, activation, prologue, dtype
        self.batch = training and trainable
        self.x, self.dy = data.x(offset), data.like_x()
        self.residual = data.like_x() if residual else None
        self.mask = None if mask is None else mask(data, self.shape[:-1])
        self.layer = layer = L.BatchNormalization(axis=self.axis, dtype=dtype, renorm_clipping=clipping, **options)
        layer.trainable = trainable
        layer.build(self.shape)
        self.gamma, self.beta = data.gamma() if layer.scale else None, data.beta() if layer.center else None
        if activation == "relu6" and layer.scale:
            self.gamma, self.beta = self.gamma * 2, self.beta + 4
        self.running = data.running()
        for variable, value in ((layer.gamma, self.gamma), (layer.beta, self.beta),
                                (layer.moving_mean, self.running[0]), (layer.moving_variance, self.running[1])):
            if variable is not None:
                variable.assign(value)
        self.renorm_before = None
        if layer.renorm:
            mean, variance = data.moments(self.x)
            # Near the batch's own, so that clipping meets some channels and leaves others.
            self.renorm_before = {
                "RENORM_MEAN": data.rounded(mean + 0.5 * data.rng.standard_normal(mean.shape)),
                "RENORM_STD": data.rounded(np.sqrt(variance) * data.rng.uniform(0.5, 1.8, mean.shape)),
                "RUNNING_STD": data.rounded(data.rng.uniform(0.5, 1.5, mean.shape))}
            layer.renorm_mean.assign(self.renorm_before["RENORM_MEAN"])
            layer.renorm_stddev.assign(self.renorm_before["RENORM_STD"])
            layer.moving_stddev.assign(self.renorm_before["RUNNING_STD"])
        self.run(training)

    def layer_of(self, name):
        kind, options, _, _ = ACTIVATIONS[name]
        return kind(dtype=self.dtype, **options)

    def moments(self, u, mask):
        if self.dtype in TYPES:  # the layer would take them in float32
            return self.data.moments(self.x)
        return (array(v).reshape(self.data.channels) for v in self.layer._moments(u, mask))

    def run(self, training):
        layer = self.layer
        kind = tf.dtypes.as_dtype(self.dtype.replace("mixed_", ""))
        x, dy = tf.constant(self.x, kind), tf.constant(self.dy, kind)
        residual = None if self.residual is None else tf.constant(self.residual, kind)
        mask = None if self.mask is None else tf.constant(self.mask, tf.bool)
        variables = [v.value for v in (layer.gamma, layer.beta) if v is not None]
        with tf.GradientTape() as tape:
            tape.watch([v for v in (x, residual, *variables) if v is not None])
            u = self.layer_of(self.prologue)(x) if self.prologue else x
            mean, variance = self.moments(u, mask)
            if layer.renorm:
                r, d, _, _ = layer._renorm_correction_and_moments(tf.constant(mean), tf.constant(variance))
                self.renorm = np.stack([array(r), array(d)], -1)
            z = layer(u, training=training, mask=mask)
            z = z if residual is None else L.Add(dtype=self.dtype)([z, residual])
            y = self.layer_of(self.activation)(z) if self.activation else z
            loss = tf.reduce_sum(y * dy)
        if self.activation:
            vectors.away(z, ACTIVATIONS[self.activation][3])
        if self.prologue:
            vectors.away(self.x, ACTIVATIONS[self.prologue][3])
        assert y.dtype == kind
        self.mean, self.variance, self.y = mean, variance, array(y)
        wanted = [x] + ([] if residual is None else [residual]) + variables
        gradients = [array(g) for g in tape.gradient(loss, wanted)]
        self.dx = gradients.pop(0)
        self.dresidual = None if residual is None else gradients.pop(0)
        self.dgamma = gradients.pop(0) if layer.scale else None
        self.dbeta = gradients.pop(0) if layer.center else None

    def case(self, operation, suffix, **settings):
        if self.activation:
            settings["activation"] = ACTIVATIONS[self.activation][2]
        if self.prologue:
            settings["prologue"] = ACTIVATIONS[self.prologue][2]
        if self.dtype in TYPES:  # the framework computed in float32
            types = ["x_type", "y_type"] + (["dx_type"] if "GRADIENT" in operation else [])
            settings.update({key: TYPES[self.dtype] for key in types}, factor=4)
        if self.mask is not None:
            settings["count_epsilon"] = keras.backend.epsilon()
        case = vectors.Case(self.name + suffix, operation, self.shape, self.axis, epsilon=self.layer.epsilon, **settings)
        return case.takes(X=self.x, MASK=self.mask if self.batch else None)

    def affine(self):
        return {"GAMMA": self.gamma, "BETA": self.beta}


def forward(problem):
    p, layer = problem, problem.layer
    if not p.batch:
        assert (array(layer.moving_mean) == p.running[0]).all() and (array(layer.moving_variance) == p.running[1]).all()
        return p.case("APPLY", "_infer").takes(RESIDUAL=p.residual, MEAN=p.running[0], VARIANCE=p.running[1],
                                               **p.affine()).gives(Y=p.y)
    settings = {"momentum_convention": "OLD", "momentum": layer.momentum, "running_variance": "BIASED"}
    if layer.renorm:
        clipping = layer.renorm_clipping
        settings.update(renorm_momentum=layer.renorm_momentum, renorm_r_min=clipping.get("rmin", 0),
                        renorm_r_max=clipping.get("rmax", "inf"), renorm_d_max=clipping.get("dmax", "inf"))
    case = p.case("TRAIN", "_train", **settings).takes(RESIDUAL=p.residual, **p.affine())
    case.takes(RUNNING_MEAN=p.running[0], RUNNING_VARIANCE=p.running[1])
    case.gives(Y=p.y, MEAN=p.mean, VARIANCE=p.variance, RUNNING_MEAN=array(layer.moving_mean),
               RUNNING_VARIANCE=array(layer.moving_variance))
    if layer.renorm:
        case.takes(**p.renorm_before)
        case.gives(RENORM_MEAN=array(layer.renorm_mean), RENORM_STD=array(layer.renorm_stddev),
                   RUNNING_STD=array(layer.moving_stddev), RENORM=p.renorm)
    return case


def backward(problem):
    p, layer = problem, problem.layer
    case = p.case("TRAIN_GRADIENT", "_gradient") if p.batch else p.case("APPLY_GRADIENT", "_infer_gradient")
    case.takes(DY=p.dy, **p.affine())
    if p.activation:
        case.takes(RESIDUAL=p.residual)
    if p.batch and layer.renorm:
        case.takes(RENORM=p.renorm)
    case.takes(MEAN=p.mean if p.batch else p.running[0], VARIANCE=p.variance if p.batch else p.running[1])
    return case.gives(DX=p.dx, DGAMMA=p.dgamma, DBETA=p.dbeta, DRESIDUAL=p.dresidual)


def both(name, attempt, layout, **options):
    problem = Problem(name, attempt, layout, **options)
    return [forward(problem), backward(problem)]


def only_forward(name, attempt, layout, **options):
    return forward(Problem(name, attempt, layout, **options))


def some(data, shape):
    mask = data.rng.random(shape) < 0.6
    mask.reshape(-1)[0], mask.reshape(-1)[-1] = True, False
    return mask.astype(np.uint8)


def none(data, shape):
    return np.zeros(shape, np.uint8)


def every(data, shape):
    return np.ones(shape, np.uint8)


def one(data, shape):
    mask = none(data, shape)
    mask.reshape(-1)[mask.size // 2] = 1
    return mask


def padded(data, shape):
    """Sequences of different lengths, one of which is empty."""
    lengths = np.array([0, shape[1], shape[1] // 2, 1])[:shape[0]]
    return (np.arange(shape[1]) < lengths[:, None]).astype(np.uint8)


def without_a_channel(data, shape):
    """Axis 1 is kept, and its second index is masked in every sample."""
    mask = some(data, shape)
    mask[:, 0], mask[:, 1] = 1, 0
    return mask


def write(folder):
    header = ["Keras %s, TensorFlow %s, CPU, float64; mixed cases: float32." % (keras.__version__, tf.__version__),
              "Made by generate.py; see README.md."]
    file = vectors.File(os.path.join(folder, "keras.txt"), header)
    for layout in LAYOUTS:
        if layout != "wide":
            file.add(both, "keras_" + layout, layout)
    file.add(only_forward, "keras_wide", "wide")
    for layout in ("bf", "btf", "nchw", "nhwc"):
        file.add(both, "keras_" + layout, layout, training=False)
    file.add(both, "keras_not_trainable", "nhwc", trainable=False)
    file.add(both, "keras_full_precision", "nhwc", full=True)
    file.add(both, "keras_mean_30", "nchw", full=True, offset=30.0)
    for layout, training in (("nhwc", True), ("nchw", False)):
        kind = "" if training else "_frozen"
        file.add(both, "keras_no_center" + kind, layout, training=training, center=False)
        file.add(both, "keras_no_scale" + kind, layout, training=training, scale=False)
        file.add(both, "keras_no_center_no_scale" + kind, layout, training=training, center=False, scale=False)
    file.add(only_forward, "keras_momentum_0.9_epsilon_1e-5", "nhwc", momentum=0.9, epsilon=1e-5)
    file.add(only_forward, "keras_momentum_0", "bf", momentum=0.0)
    file.add(only_forward, "keras_momentum_1", "bf", momentum=1.0)
    for activation in ACTIVATIONS:
        file.add(both, "keras_" + activation, "nhwc", activation=activation)
    for activation in ("relu", "leaky_relu", "tanh"):
        file.add(both, "keras_%s_frozen" % activation, "nchw", activation=activation, training=False)
    file.add(both, "keras_residual_relu", "nhwc", residual=True, activation="relu")
    file.add(both, "keras_residual_sigmoid_btf", "btf", residual=True, activation="sigmoid")
    file.add(both, "keras_residual_frozen", "nhwc", residual=True, training=False)
    file.add(both, "keras_after_relu", "nhwc", prologue="relu")
    file.add(both, "keras_after_elu", "bf", prologue="elu")
    file.add(both, "keras_after_relu_frozen", "nhwc", prologue="relu", training=False)
    file.add(both, "keras_after_leaky_relu_before_tanh", "btf", prologue="leaky_relu", activation="tanh")
    for dtype in TYPES:
        file.add(both, "keras_" + dtype, "nhwc", dtype=dtype)
        file.add(both, "keras_" + dtype, "nchw", dtype=dtype, training=False)
        file.add(both, "keras_%s_relu" % dtype, "nhwc", dtype=dtype, activation="relu")
    file.write()

    file = vectors.File(os.path.join(folder, "keras_modes.txt"), header)
    for name, layout, mask in (("btf", "btf", some), ("padded", "btf", padded), ("nhwc", "nhwc", some),
                               ("bf", "bf", some), ("one", "btf", one), ("every", "btf", every), ("none", "btf", none),
                               ("time", "btf_time", some), ("channel", "btf_time", without_a_channel),
                               ("nchw", "nchw", some)):
        file.add(both, "keras_mask_" + name, layout, mask=mask)
    file.add(both, "keras_mask_infer", "btf", mask=some, training=False)
    file.add(both, "keras_mask_relu", "btf", mask=some, activation="relu")
    file.add(both, "keras_mask_no_scale", "nhwc", mask=some, scale=False)
    file.add(both, "keras_mask_after_silu", "btf", mask=some, prologue="silu")
    file.add(both, "keras_mask_residual_elu", "btf", mask=some, residual=True, activation="elu")
    clipping = {"rmin": 0.8, "rmax": 1.25, "dmax": 0.2}
    for layout in ("bf", "btf", "nchw", "nhwc"):
        file.add(both, "keras_renorm_" + layout, layout, renorm=True)
        file.add(both, "keras_renorm_clipped_" + layout, layout, renorm=True, clipping=clipping)
    file.add(both, "keras_renorm_rmax", "nhwc", renorm=True, clipping={"rmax": 1.0})
    file.add(both, "keras_renorm_dmax_0", "nhwc", renorm=True, clipping={"dmax": 0.0})
    file.add(both, "keras_renorm_is_batch_norm", "nhwc", renorm=True, clipping={"rmin": 1.0, "rmax": 1.0, "dmax": 0.0})
    file.add(only_forward, "keras_renorm_momentum", "nhwc", renorm=True, renorm_momentum=0.7, momentum=0.9,
             clipping=clipping)
    file.add(both, "keras_renorm_infer", "nhwc", renorm=True, training=False)
    file.add(both, "keras_renorm_no_scale", "nhwc", renorm=True, scale=False, clipping=clipping)
    file.add(both, "keras_renorm_no_center", "nhwc", renorm=True, center=False, clipping=clipping)
    file.add(both, "keras_renorm_relu", "nhwc", renorm=True, clipping=clipping, activation="relu")
    file.add(both, "keras_renorm_residual_tanh", "nchw", renorm=True, clipping=clipping, residual=True,
             activation="tanh")
    file.add(both, "keras_renorm_after_relu", "nhwc", renorm=True, clipping=clipping, prologue="relu")
    file.add(both, "keras_renorm_mask", "btf", renorm=True, clipping=clipping, mask=some)
    file.add(both, "keras_renorm_mask_none", "btf", renorm=True, clipping=clipping, mask=none)
    file.write()
