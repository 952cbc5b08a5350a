"""Keras 3 and Keras 2 layers, as scripts that tests/layer_golden.c follows: built, called, updated, in float64."""
import os

import keras
import numpy as np
import tensorflow as tf
import tf_keras

import vectors

L = keras.layers
R = keras.regularizers
C = keras.constraints
CLIPPING = {"rmin": 0.8, "rmax": 1.25, "dmax": 0.2}


def named(weights):
    """By name, without the layer's (Keras 2)."""
    return {w.name.split("/")[-1].split(":")[0]: w for w in weights}


def value_of(weight):
    """The tensor that a tape watches: Keras 2's variable itself."""
    return weight if isinstance(weight, tf.Variable) else weight.value


class Script:
    """One case: a layer, and what is asked of it. Values that are given are f32 exactly."""

    def __init__(self, name, kind, layer, shape, flat=False, **settings):
        self.rng = np.random.default_rng([vectors.zlib.crc32(name.encode())])
        self.layer, self.shape, self.lines = layer, tuple(shape), ["case %s %s" % (name, kind)]
        for key, value in settings.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            self.line("set", key, len(values), *values)
        layer.build(self.shape)
        self.line("build", len(shape), *shape)
        self.weights, self.masked = named(layer.weights), False
        self.line("weights", len(self.weights))
        for name, weight in self.weights.items():
            extents = [n for n in weight.shape if n != 1] if flat else weight.shape
            self.line(name, len(extents), *extents)
        self.counts()

    def line(self, *words):
        self.lines.append(" ".join(w if isinstance(w, str) else vectors.number(w) for w in words))

    def numbers(self, word, name, values, digits):
        values = np.asarray(values, np.float64)
        self.line(word, name, values.size)
        if values.size:
            self.lines.append(vectors.tensor(values, values.shape, digits))

    def give(self, name, values, offset=0.0):
        values = np.round(np.asarray(values, np.float64) * 64) / 64 + offset
        self.numbers("give", name, values, 9)
        return values

    def want(self, name, values):
        self.numbers("want", name, values, 8)

    def counts(self):
        size = lambda weights: sum(int(np.prod(w.shape)) for w in weights)
        self.line("want", "counts", 3)
        self.line(size(self.layer.weights), size(self.layer.trainable_weights), size(self.layer.non_trainable_weights))

    def assign(self, name, values):
        self.weights[name].assign(self.give(name, values).reshape(self.weights[name].shape))
        return self

    def scramble(self):
        """Values that are no layer's first."""
        for name, weight in self.weights.items():
            shape = weight.shape
            positive = name in ("moving_variance", "moving_stddev", "renorm_stddev")
            self.assign(name, self.rng.uniform(0.5, 1.5, shape) if positive else self.rng.uniform(-1, 1, shape) +
                        (1 if name in ("gamma", "scale") else 0))
        return self

    def trainable(self, value):
        self.layer.trainable = value
        self.line("trainable", int(value))
        self.counts()
        return self

    def step(self, training, samples=None, mask=None, regularize=False, backward=True):
        shape = (samples or self.shape[0],) + self.shape[1:]
        # Away from kinks, which are at multiples of 1/64.
        x = tf.constant(self.give("x", self.rng.standard_normal(shape) * 1.5 + 0.4, offset=1 / 128))
        dy = self.give("dy", self.rng.standard_normal(shape))
        arguments = {}
        if mask is not None:
            self.give("mask", mask)
            arguments["mask"] = tf.constant(mask, tf.bool)
        elif self.masked:
            self.line("give mask 0")
        self.masked = mask is not None
        if isinstance(self.layer, (L.BatchNormalization, tf_keras.layers.BatchNormalization)):
            arguments["training"] = training
        values = {name: value_of(weight) for name, weight in named(self.layer.trainable_weights).items()}
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([x, *values.values()])
            y = self.layer(x, **arguments)
            loss = sum(self.layer.losses) if self.layer.losses else tf.constant(0.0, tf.float64)
            target = tf.reduce_sum(y * dy) + (tf.cast(loss, tf.float64) if regularize else 0)
        self.line("forward", int(training), shape[0])
        self.want("y", y)
        for name, weight in self.weights.items():
            if name not in values:
                self.want(name, weight)
        if not backward:
            return self
        self.line("backward")
        self.want("dx", tape.gradient(target, x))
        if regularize:
            self.line("regularize")
            self.want("loss", loss)
        for name, value in values.items():
            self.want("d" + name, tape.gradient(target, value))
        return self

    def constrain(self):
        for weight in self.weights.values():
            if weight.constraint is not None:
                weight.assign(weight.constraint(value_of(weight)))
        self.line("constrain")
        for name, weight in self.weights.items():
            self.want(name, weight)
        return self

    def text(self):
        return "\n".join(self.lines + ["end"]) + "\n"


def keras_bn(name, shape, axis=-1, settings=None, **options):
    return Script(name, "BATCH_NORMALIZATION", L.BatchNormalization(axis=axis, **options), shape,
                  axes=axis, **(settings or {}))


def keras2_bn(name, shape, axis, settings=None, **options):
    layer = tf_keras.layers.BatchNormalization(axis=axis, fused=False, **options)
    return Script(name, "BATCH_NORMALIZATION", layer, shape, axes=axis, **(settings or {}))


def batch_normalization(add):
    for name, shape, axis in (("bf", (6, 4), -1), ("btf", (3, 5, 4), -1), ("nchw", (2, 3, 4, 5), 1),
                              ("nhwc", (2, 3, 4, 5), -1)):
        script = keras_bn("bn_%s" % name, shape, axis, momentum=0.9, settings={"momentum": 0.9})
        for _ in range(5):
            script.step(True)
            script.assign("gamma", script.rng.uniform(0.5, 2, script.weights["gamma"].shape))
            script.assign("beta", script.rng.uniform(-1, 1, script.weights["beta"].shape))
        script.step(True, samples=shape[0] + 1).step(False)
        add(script.trainable(False).step(True).step(False).trainable(True).step(True))
    add(keras_bn("bn_no_center", (6, 4), center=False, settings={"center": 0}).scramble().step(True).step(False))
    add(keras_bn("bn_no_scale", (6, 4), scale=False, settings={"scale": 0}).scramble().step(True).step(False))
    add(keras_bn("bn_epsilon", (6, 4), epsilon=0.5, settings={"epsilon": 0.5}).scramble().step(True).step(False))
    script = keras_bn("bn_mask", (3, 5, 4)).scramble()
    script.step(True, mask=script.rng.random((3, 5)) < 0.6).step(True).step(False, mask=np.ones((3, 5)))
    add(script.trainable(False).step(True, mask=np.zeros((3, 5))))
    add(keras_bn("bn_renorm", (6, 4), renorm=True, settings={"renorm": 1}).scramble().step(True).step(True)
        .step(False))
    add(keras_bn("bn_renorm_clipped", (3, 5, 4), renorm=True, renorm_clipping=CLIPPING, renorm_momentum=0.7,
                 momentum=0.8, settings={"renorm": 1, "renorm_momentum": 0.7, "momentum": 0.8, "rmin": 0.8, "rmax": 1.25,
                                         "dmax": 0.2}).scramble().step(True).step(True).step(False))
    add(keras_bn("bn_renorm_begins", (6, 4), renorm=True, settings={"renorm": 1}).step(True, backward=False))
    for name, axis in (("rows", [1, 2]), ("two", [1, 3]), ("all", [1, 2, 3])):
        add(keras2_bn("bn2_axes_" + name, (3, 2, 4, 3), axis).scramble().step(True).step(True).step(False)
            .trainable(False).step(True))
    # Whose variables have two more axes in Keras 2, of extent 1.
    add(keras2_bn("bn2_virtual", (8, 3), [-1], virtual_batch_size=2, settings={"virtual_batch_size": 2, "flat": True})
        .scramble().step(True).step(True).step(False))


def others(add):
    for name, shape, axis in (("last", (3, 4, 5), -1), ("two", (3, 4, 5), [1, 2]), ("negative", (3, 4, 5), [-2, -1]),
                              ("middle", (3, 4, 5), 1), ("first", (3, 4, 5), [2, 1])):
        add(Script("ln_" + name, "LAYER_NORMALIZATION", L.LayerNormalization(axis=axis), shape,
                   axes=axis).scramble().step(True).step(False, samples=2))
    add(Script("ln_no_scale", "LAYER_NORMALIZATION", L.LayerNormalization(scale=False, epsilon=0.25),
               (4, 6), scale=0, epsilon=0.25).scramble().step(True))
    add(Script("ln_no_center", "LAYER_NORMALIZATION", L.LayerNormalization(center=False), (4, 6),
               center=0).scramble().step(True).trainable(False).step(True))
    for name, shape, axis, groups in (("2", (2, 3, 4), -1, 2), ("nchw", (2, 6, 2, 3), 1, 3), ("one", (3, 2, 4), -1, 1),
                                      ("instance", (2, 3, 3, 4), -1, -1)):
        add(Script("gn_" + name, "GROUP_NORMALIZATION", L.GroupNormalization(groups=groups, axis=axis),
                   shape, axes=axis, groups=groups).scramble().step(True).step(False, samples=3))
    add(Script("rms", "RMS_NORMALIZATION", L.RMSNormalization(), (4, 6)).scramble().step(True))
    add(Script("rms_epsilon", "RMS_NORMALIZATION", L.RMSNormalization(epsilon=0.5), (2, 3, 6),
               epsilon=0.5).scramble().step(True))
    for name, axis in (("last", -1), ("two", [1, 2]), ("middle", 1)):
        add(Script("unit_" + name, "UNIT_NORMALIZATION", L.UnitNormalization(axis=axis), (2, 3, 4),
                   axes=axis).step(True))


def activations(add):
    shape = (4, 9)
    for name, arguments in (("plain", {}), ("six", {"max_value": 6.0}),
                            ("all", {"max_value": 1.5, "negative_slope": 0.125, "threshold": 0.25})):
        add(Script("relu_" + name, "ACTIVATION", L.ReLU(**arguments), shape,
                   relu=[arguments.get("negative_slope", 0), arguments.get("threshold", 0),
                         arguments.get("max_value", float("inf"))]).step(True))
    add(Script("leaky_relu", "ACTIVATION", L.LeakyReLU(), shape, leaky_relu=0.3).step(True))
    add(Script("elu", "ACTIVATION", L.ELU(alpha=0.5), shape, elu=0.5).step(True))
    for name in ("celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish",
                 "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu",
                 "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid",
                 "squareplus", "swish", "tanh", "tanh_shrink"):
        add(Script("activation_" + name, name, L.Activation(name), shape).step(True))
    for name, shared in (("none", None), ("one", [1]), ("two", [1, 2])):
        add(Script("prelu_" + name, "PRELU", L.PReLU(shared_axes=shared), (2, 3, 4, 2),
                   axes=shared or []).scramble().step(True).step(False, samples=3))
    for name, axis in (("last", -1), ("middle", 1), ("two", (1, 2))):
        script = Script("softmax_" + name, "SOFTMAX", L.Softmax(axis=axis), (2, 3, 4), axes=axis)
        mask = script.rng.random((2, 3, 4)) < 0.6
        mask[:, 0, 0] = mask[:, 1, :] = True
        mask[:, :, 0] = True
        add(script.step(True).step(True, mask=mask).step(False))


def parameters(add):
    for name, regularizer, settings in (("l1", R.L1(0.1), {"gamma_l1": 0.1}), ("l2", R.L2(0.2), {"gamma_l2": 0.2}),
                                        ("l1l2", R.L1L2(0.1, 0.3), {"gamma_l1": 0.1, "gamma_l2": 0.3})):
        script = keras_bn("regularizer_" + name, (6, 4), gamma_regularizer=regularizer, settings=settings).scramble()
        add(script.assign("gamma", [0.5, -1, 0, 2]).step(True, regularize=True).step(False, regularize=True)
            .trainable(False).step(True, regularize=True))
    add(keras_bn("regularizer_beta", (6, 4), beta_regularizer=R.L2(0.5), gamma_regularizer=R.L1(0.25),
                 settings={"beta_l2": 0.5, "gamma_l1": 0.25}).scramble().step(True, regularize=True))
    for mode in ("rows", "columns"):
        regularizer = R.OrthogonalRegularizer(0.5, mode)
        regularizer.factor = tf.constant(0.5, tf.float64)  # which Keras keeps in float32
        add(Script("regularizer_" + mode, "LAYER_NORMALIZATION",
                   L.LayerNormalization(axis=[1, 2], gamma_regularizer=regularizer),
                   (2, 3, 4), axes=[1, 2], gamma_orthogonal=0.5, gamma_columns=int(mode == "columns")).scramble()
            .step(True, regularize=True))
    for name, constraint, kind in (
            ("non_neg", C.NonNeg(), [1, 0, 0, 1]), ("max_norm", C.MaxNorm(1.0, axis=0), [2, 0, 1, 1, 0]),
            ("max_norm_far", C.MaxNorm(9.0, axis=0), [2, 0, 9, 1, 0]), ("unit_norm", C.UnitNorm(axis=0), [3, 0, 1, 1, 0]),
            ("unit_norm_rows", C.UnitNorm(axis=1), [3, 0, 1, 1, 1]),
            ("unit_norm_all", C.UnitNorm(axis=[0, 1]), [3, 0, 1, 1, 0, 1]),
            ("min_max_norm", C.MinMaxNorm(1.25, 1.5, rate=1.0, axis=0), [4, 1.25, 1.5, 1, 0]),
            ("min_max_norm_slow", C.MinMaxNorm(1.25, 1.5, rate=0.25, axis=1), [4, 1.25, 1.5, 0.25, 1])):
        script = Script("constraint_" + name, "LAYER_NORMALIZATION",
                        L.LayerNormalization(axis=[1, 2], gamma_constraint=constraint), (2, 3, 4),
                        axes=[1, 2], gamma_constraint=kind).scramble()
        add(script.step(True).constrain().step(True))
    add(keras_bn("constraint_beta", (6, 4), beta_constraint=C.NonNeg(), settings={"beta_constraint": [1, 0, 0, 1]})
        .scramble().constrain())
    add(Script("constraint_alpha", "PRELU", L.PReLU(alpha_constraint=C.MaxNorm(0.5), alpha_regularizer=R.L2(0.5)), (2, 3, 4), axes=[], alpha_l2=0.5,
               alpha_constraint=[2, 0, 0.5, 1, 0]).scramble().step(True, regularize=True).constrain())


def write(folder):
    texts = []
    keras.config.set_floatx("float64")
    tf_keras.backend.set_floatx("float64")

    def add(script):
        texts.append(script.text())

    for topic in (batch_normalization, others, activations, parameters):
        topic(add)
    path = os.path.join(folder, "layers.txt")
    with open(path, "w", encoding="ascii") as file:
        file.write("# Keras %s and tf_keras %s on TensorFlow %s, CPU, float64.\n# Made by generate.py; see README.md.\n\n" %
                   (keras.__version__, tf_keras.__version__, tf.__version__) + "\n".join(texts))
    print("%s: %d cases" % (path, len(texts)))
