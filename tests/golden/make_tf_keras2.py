"""Keras 2 (tf_keras): lists of axes, virtual batches, renormalization, masks, and the fused operation of TensorFlow.
float64, but the fused operation and renormalization exist in float32 only."""
import os

import numpy as np
import tensorflow as tf
import tf_keras

import vectors

LAYOUTS = {
    "bf": ((12, 4), [-1]),
    "btf": ((4, 5, 3), [-1]),
    "btf_time_feature": ((5, 4, 3), [1, 2]),
    "square": ((6, 4, 4), [1, 2]),
    "nhwc": ((4, 2, 3, 3), [-1]),
    "nchw": ((4, 3, 2, 3), [1]),
    "nhwc_pixels": ((3, 3, 2, 4), [1, 2]),
    "nhwc_rows_channels": ((4, 3, 3, 2), [1, 3]),
    "nhwc_each": ((5, 2, 3, 2), [1, 2, 3]),
    "nhwc_1": ((1, 1, 1, 6), [-1]),
    "ndhwc": ((2, 2, 2, 2, 4), [-1]),
}


def array(values):
    return None if values is None else np.asarray(values, np.float64)


class Problem:
    def __init__(self, name, attempt, layout, training=True, trainable=True, mask=False, relu=False, dtype="float64",
                 **options):
        self.shape, self.axes = LAYOUTS[layout]
        self.data = data = vectors.Data(name, attempt, self.shape, self.axes)
        self.name, self.training, self.dtype, self.relu = name, training and trainable, dtype, relu
        self.x, self.dy, self.running = data.x(), data.like_x(), data.running()
        self.mask = (data.rng.random(self.shape[:-1]) < 0.6).astype(np.uint8) if mask else None
        if mask:
            self.mask.reshape(-1)[:2] = 1  # without unmasked positions there would be NaN
        # A list of one axis is not fused.
        axis = self.axes[0] if len(self.axes) == 1 else list(self.axes)
        self.layer = layer = tf_keras.layers.BatchNormalization(axis=axis, dtype=dtype, **options)
        layer.trainable = trainable
        layer.build(self.shape)
        self.gamma, self.beta = data.gamma() if layer.scale else None, data.beta() if layer.center else None
        self.assign(layer.gamma, self.gamma)
        self.assign(layer.beta, self.beta)
        self.assign(layer.moving_mean, self.running[0])
        self.assign(layer.moving_variance, self.running[1])
        self.batch_moments()
        self.before = {}
        if layer.renorm:
            self.before = {
                "RENORM_MEAN": data.rounded(self.mean + 0.5 * data.rng.standard_normal(self.mean.shape)),
                "RENORM_STD": data.rounded(np.sqrt(self.variance) * data.rng.uniform(0.5, 1.8, self.mean.shape)),
                "RUNNING_STD": data.rounded(data.rng.uniform(0.5, 1.5, self.mean.shape))}
            self.assign(layer.renorm_mean, self.before["RENORM_MEAN"])
            self.assign(layer.renorm_stddev, self.before["RENORM_STD"])
            self.assign(layer.moving_stddev, self.before["RUNNING_STD"])
            self.renorm = self.corrections()
        self.run(training)

    def assign(self, variable, value):
        if variable is not None and value is not None:
            variable.assign(tf.constant(np.reshape(value, variable.shape), variable.dtype))

    def batch_moments(self):
        """Statistics of the batch; with virtual batches one row for each, which holds every so manyth sample."""
        size, d = self.layer.virtual_batch_size, self.data
        if not size:
            self.mean, self.variance = d.moments(self.x, None if self.mask is None else self.mask[..., None])
            return
        groups = self.shape[0] // size
        parts = [vectors.Data("", 0, (size,) + self.shape[1:], self.axes).moments(self.x[g::groups])
                 for g in range(groups)]
        self.mean, self.variance = (np.stack([part[k] for part in parts]) for k in (0, 1))

    def corrections(self):
        clip, epsilon = self.layer.renorm_clipping, self.layer.epsilon
        std = np.maximum(self.before["RENORM_STD"], np.sqrt(epsilon))
        r = np.clip(np.sqrt(self.variance + epsilon) / std, clip.get("rmin", 0), clip.get("rmax", np.inf))
        limit = clip.get("dmax", np.inf)
        return np.stack([r, np.clip((self.mean - self.before["RENORM_MEAN"]) / std, -limit, limit)], -1)

    def run(self, training):
        layer = self.layer
        x = tf.constant(self.x, self.dtype)
        mask = None if self.mask is None else tf.constant(self.mask, tf.bool)
        variables = [v for v in (layer.gamma, layer.beta) if v is not None]
        with tf.GradientTape() as tape:
            tape.watch([x, *variables])
            z = layer(x, training=training, mask=mask)
            y = tf.nn.relu(z) if self.relu else z
            loss = tf.reduce_sum(y * tf.constant(self.dy, self.dtype))
        if self.relu:
            vectors.away(z, [0])
        gradients = [array(g) for g in tape.gradient(loss, [x, *variables])]
        self.y, self.dx = array(y), gradients.pop(0)
        shape = self.data.channels
        self.dgamma = gradients.pop(0).reshape(shape) if layer.scale else None
        self.dbeta = gradients.pop(0).reshape(shape) if layer.center else None

    def moving(self, name):
        return array(getattr(self.layer, name)).reshape(self.data.channels)

    def case(self, operation, suffix, **settings):
        layer = self.layer
        if self.mask is not None and self.training:
            settings["count_epsilon"] = 0
        if layer.virtual_batch_size and self.training:
            settings["virtual_batch_size"] = layer.virtual_batch_size
        if self.relu:
            settings["activation"] = ["RELU", 0, 0, "inf"]
        if self.dtype == "float32":
            settings["factor"] = 4
        return vectors.Case(self.name + suffix, operation, self.shape, self.axes, epsilon=layer.epsilon, **settings) \
            .takes(X=self.x, MASK=self.mask if self.training else None, GAMMA=self.gamma, BETA=self.beta)


def forward(problem):
    p, layer = problem, problem.layer
    if not p.training:
        assert (p.moving("moving_mean") == p.running[0]).all()
        return p.case("APPLY", "_infer").takes(MEAN=p.running[0], VARIANCE=p.running[1]).gives(Y=p.y)
    settings = {"momentum_convention": "OLD", "momentum": layer.momentum,
                "running_variance": "UNBIASED" if layer.fused else "BIASED"}
    if layer.renorm:
        clipping = layer.renorm_clipping
        settings.update(renorm_momentum=layer.renorm_momentum, renorm_r_min=clipping.get("rmin", 0),
                        renorm_r_max=clipping.get("rmax", "inf"), renorm_d_max=clipping.get("dmax", "inf"))
    case = p.case("TRAIN", "_train", **settings)
    case.takes(RUNNING_MEAN=p.running[0], RUNNING_VARIANCE=p.running[1], **p.before)
    case.gives(Y=p.y, MEAN=p.mean, VARIANCE=p.variance, RUNNING_MEAN=p.moving("moving_mean"),
               RUNNING_VARIANCE=p.moving("moving_variance"))
    if layer.renorm:
        case.gives(RENORM_MEAN=p.moving("renorm_mean"), RENORM_STD=p.moving("renorm_stddev"),
                   RUNNING_STD=p.moving("moving_stddev"), RENORM=p.renorm)
    return case


def backward(problem):
    p = problem
    case = p.case("TRAIN_GRADIENT", "_gradient") if p.training else p.case("APPLY_GRADIENT", "_infer_gradient")
    case.takes(DY=p.dy, MEAN=p.mean if p.training else p.running[0],
               VARIANCE=p.variance if p.training else p.running[1])
    if p.training and p.layer.renorm:
        case.takes(RENORM=p.renorm)
    return case.gives(DX=p.dx, DGAMMA=p.dgamma, DBETA=p.dbeta)


def both(name, attempt, layout, **options):
    problem = Problem(name, attempt, layout, **options)
    return [forward(problem), backward(problem)]


def fused(name, attempt, layout, **options):
    problem = Problem(name, attempt, layout, dtype="float32", **options)
    assert problem.layer.fused
    return [forward(problem), backward(problem)]


def write(folder):
    header = ["tf_keras %s, TensorFlow %s, CPU, float64; fused and renorm cases: float32."
              % (tf_keras.__version__, tf.__version__), "Made by generate.py; see README.md."]
    file = vectors.File(os.path.join(folder, "tf_keras2.txt"), header)
    for layout in ("bf", "btf", "btf_time_feature", "square", "nhwc", "nchw", "nhwc_pixels", "nhwc_rows_channels",
                   "nhwc_each"):
        file.add(both, "tf_keras2_" + layout, layout)
    for layout in ("square", "nhwc_pixels", "nhwc_each"):
        file.add(both, "tf_keras2_" + layout, layout, training=False)
    file.add(both, "tf_keras2_not_trainable", "nhwc", trainable=False)
    file.add(both, "tf_keras2_pixels_no_scale", "nhwc_pixels", scale=False)
    file.add(both, "tf_keras2_pixels_relu", "nhwc_pixels", relu=True)
    for layout in ("nhwc", "ndhwc"):
        file.add(fused, "tf_keras2_fused_" + layout, layout)
    file.add(fused, "tf_keras2_fused_nhwc", "nhwc", training=False)
    file.add(fused, "tf_keras2_fused_no_scale", "nhwc", scale=False)
    file.add(fused, "tf_keras2_fused_no_center", "nhwc", center=False, momentum=0.5)
    file.add(fused, "tf_keras2_fused_n_1", "nhwc_1", momentum=0.5)
    file.write()

    file = vectors.File(os.path.join(folder, "tf_keras2_modes.txt"), header)
    for layout, size in (("bf", 4), ("bf", 6), ("bf", 12), ("bf", 1), ("btf", 2), ("nhwc", 2), ("nchw", 2),
                         ("nhwc_rows_channels", 2), ("square", 3)):
        file.add(both, "tf_keras2_virtual_%s_%d" % (layout, size), layout, virtual_batch_size=size)
    file.add(both, "tf_keras2_virtual_no_scale", "nhwc", virtual_batch_size=2, scale=False)
    file.add(both, "tf_keras2_virtual_relu", "nhwc", virtual_batch_size=2, relu=True, momentum=0.5)
    file.add(both, "tf_keras2_virtual_nhwc", "nhwc", virtual_batch_size=2, training=False)
    for layout in ("btf", "nhwc"):
        file.add(both, "tf_keras2_mask_" + layout, layout, mask=True)
    clipping = {"rmin": 0.8, "rmax": 1.25, "dmax": 0.2}
    for layout in ("nhwc", "nchw", "nhwc_pixels"):
        file.add(both, "tf_keras2_renorm_" + layout, layout, renorm=True, dtype="float32")
        file.add(both, "tf_keras2_renorm_clipped_" + layout, layout, renorm=True, renorm_clipping=clipping,
                 renorm_momentum=0.8, momentum=0.9, dtype="float32")
    file.add(both, "tf_keras2_renorm_nhwc", "nhwc", renorm=True, training=False, dtype="float32")
    file.add(both, "tf_keras2_renorm_relu", "nhwc", renorm=True, renorm_clipping=clipping, relu=True, dtype="float32")
    file.write()
