"""The first ten steps of the models of samples/train, in PyTorch with float64, checked against Keras 3, and how far
float32 of both frameworks comes away from that."""
import os

import keras
import numpy as np
import tensorflow as tf
import torch

import train_inputs

STEPS, BATCH, PLACES = 10, 32, 8
SLOPE = float(np.float32(0.3))  # TensorFlow's is an f32, whatever x is
F = torch.nn.functional

# (what, arguments of it); names are Keras' names.
MLP = [("batch_normalization", -1), ("dense", 300, "elu"), ("batch_normalization", -1), ("dense", 100, "elu"),
       ("batch_normalization", -1), ("dense", 10)]
BEFORE = [("batch_normalization", -1), ("dense_without_bias", 300), ("batch_normalization", -1), ("elu",),
          ("dense_without_bias", 100), ("batch_normalization", -1), ("elu",), ("dense", 10)]


def cnn(normalization, activation="relu"):
    return [("conv2d", 32)] + normalization + [(activation,), ("max_pooling2d",), ("flatten",), ("dense", 10)]


def lstm(normalization):
    return [("lstm", 64, True)] + normalization + [("lstm", 32, False), ("dense", 1)]


def plain(layers):
    return [layer for layer in layers if layer[0] != "batch_normalization"]


# Its layers, data, optimizer, all parameters and those that are not trained.
MODELS = {
    "mlp": ([("flatten",)] + MLP, "digits", "sgd", 271346, 2368),
    "mlp_before": ([("flatten",)] + BEFORE, "digits", "sgd", 270946, 2368),
    "mlp_plain": ([("flatten",)] + plain(MLP), "digits", "sgd", 266610, 0),
    "cnn": (cnn([("batch_normalization", -1)]), "digits", "adam", 54538, 64),
    "cnn_leaky": (cnn([("batch_normalization", -1)], "leaky_relu"), "digits", "adam", 54538, 64),
    "cnn_plain": (cnn([]), "digits", "adam", 54410, 0),
    "cnn_spatial": (cnn([("batch_normalization", (1, 2))]), "digits", "adam", 57114, 1352),
    "dense": ([("flatten",), ("dense", 64), ("batch_normalization", -1), ("relu",), ("dense", 10)], "digits", "sgd",
              51146, 128),
    "lstm": (lstm([("batch_normalization", -1)]), "sensors", "adam", 30625, 128),
    "lstm_plain": (lstm([]), "sensors", "adam", 30369, 0),
}


# -------------------------------------------------------------------------------------------------------- variables

def variables_of(model, layers, shape):
    """First values of all variables, in Keras' order, by name; `shape` is that of a sample."""
    values, named = {}, {}

    def add(name, variable, extents, how):
        path = "%s/%s" % (name, variable)
        values[path] = (np.full(extents, how, np.float32) if isinstance(how, float) else
                        how("%s/%s" % (model, path), extents))

    for kind, *arguments in layers:
        kind = kind.replace("_without_bias", "")
        name = kind + ("_%d" % named[kind] if kind in named else "")
        named[kind] = named.get(kind, 0) + 1
        if kind == "flatten":
            shape = (int(np.prod(shape)),)
        elif kind == "max_pooling2d":
            shape = (shape[0] // 2, shape[1] // 2, shape[2])
        elif kind == "dense":
            add(name, "kernel", (shape[-1], arguments[0]), train_inputs.glorot_uniform)
            if (kind, *arguments) in layers:
                add(name, "bias", (arguments[0],), 0.0)
            shape = (arguments[0],)
        elif kind == "conv2d":
            add(name, "kernel", (3, 3, shape[-1], arguments[0]), train_inputs.glorot_uniform)
            add(name, "bias", (arguments[0],), 0.0)
            shape = (shape[0] - 2, shape[1] - 2, arguments[0])
        elif kind == "lstm":
            units = arguments[0]
            add(name, "kernel", (shape[-1], 4 * units), train_inputs.glorot_uniform)
            add(name, "recurrent_kernel", (units, 4 * units), train_inputs.orthogonal)
            add(name, "bias", (4 * units,), 0.0)
            values[name + "/bias"][units:2 * units] = 1
            shape = (shape[0], units) if arguments[1] else (units,)
        elif kind == "batch_normalization":
            extents = (shape[-1],) if arguments[0] == -1 else shape[:2]
            for variable, how in (("gamma", 1.0), ("beta", 0.0), ("moving_mean", 0.0), ("moving_variance", 1.0)):
                add(name, variable, extents, how)
    return values


def trainable(path):
    return "/moving_" not in path


# ---------------------------------------------------------------------------------------------------------- PyTorch

def torch_normalize(x, axis, gamma, beta, mean, variance):
    """Keras': biased, momentum 0.99."""
    axes = [0, 1, 2, 3] if x.dim() == 4 else [0, 1, 2] if x.dim() == 3 else [0, 1]
    kept = list(axis) if isinstance(axis, tuple) else [axes[axis]]
    reduced = [a for a in axes if a not in kept]
    extents = [x.shape[a] if a in kept else 1 for a in axes]
    batch_variance, batch_mean = torch.var_mean(x, dim=reduced, correction=0, keepdim=True)
    with torch.no_grad():
        mean += (batch_mean.reshape(mean.shape) - mean) * 0.01
        variance += (batch_variance.reshape(variance.shape) - variance) * 0.01
    return ((x - batch_mean) * torch.rsqrt(batch_variance + 1e-3) * gamma.reshape(extents) + beta.reshape(extents))


def torch_lstm(x, kernel, recurrent, bias, sequences):
    h = c = x.new_zeros(x.shape[0], recurrent.shape[0])
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ kernel + h @ recurrent + bias).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, 1) if sequences else h


def torch_forward(layers, variables, x):
    rest = iter(variables.values())
    take = lambda count: [next(rest) for _ in range(count)]
    activations = {"elu": F.elu, "relu": F.relu, "leaky_relu": lambda z: F.leaky_relu(z, SLOPE)}
    for kind, *arguments in layers:
        if kind == "flatten":
            x = x.flatten(1)
        elif kind == "dense_without_bias":
            x = x @ take(1)[0]
        elif kind == "dense":
            kernel, bias = take(2)
            x = activations.get((arguments + [None])[1], lambda z: z)(x @ kernel + bias)
        elif kind == "conv2d":
            kernel, bias = take(2)
            x = F.conv2d(x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), bias).permute(0, 2, 3, 1)
        elif kind == "max_pooling2d":
            x = F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        elif kind == "batch_normalization":
            x = torch_normalize(x, arguments[0], *take(4))
        elif kind == "lstm":
            x = torch_lstm(x, *take(3), arguments[1])
        else:
            x = activations[kind](x)
    return x


def torch_run(model, first, x, y, dtype, order):
    """Losses before each update, variables after the last. `order` is that of rows within a batch."""
    layers, _, optimizer, _, _ = MODELS[model]
    variables = {path: torch.tensor(value, dtype=dtype, requires_grad=trainable(path)) for path, value in first.items()}
    parameters = [v for path, v in variables.items() if trainable(path)]
    states = [(torch.zeros_like(v), torch.zeros_like(v)) for v in parameters]
    losses = []
    for step in range(STEPS):
        rows = step * BATCH + order
        out = torch_forward(layers, variables, torch.tensor(x[rows], dtype=dtype))
        loss = (F.cross_entropy(out, torch.tensor(y[rows])) if y.dtype == np.int64 else
                F.mse_loss(out[:, 0], torch.tensor(y[rows], dtype=dtype)))
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient, (m, v) in zip(parameters, gradients, states):
                if optimizer == "sgd":
                    parameter -= 0.1 * gradient
                    continue
                m += (gradient - m) * (1 - 0.9)
                v += (gradient**2 - v) * (1 - 0.999)
                rate = 1e-3 * (1 - 0.999**(step + 1))**0.5 / (1 - 0.9**(step + 1))
                parameter -= m * rate / (torch.sqrt(v) + 1e-7)
    return np.array(losses), {path: v.detach().numpy().astype(np.float64) for path, v in variables.items()}


# ------------------------------------------------------------------------------------------------------------ Keras

def keras_build(layers, shape):
    L = keras.layers
    model = keras.Sequential([keras.Input(shape)])
    for kind, *arguments in layers:
        if kind == "batch_normalization" and arguments[0] != -1:
            # Keras 3 takes one axis.
            height, width, channels = model.output_shape[1:]
            for layer in (L.Reshape((height * width, channels)), L.BatchNormalization(axis=1),
                          L.Reshape((height, width, channels))):
                model.add(layer)
            continue
        model.add(L.Flatten() if kind == "flatten" else
                  L.Dense(arguments[0], use_bias=False) if kind == "dense_without_bias" else
                  L.Dense(*arguments) if kind == "dense" else
                  L.Conv2D(arguments[0], 3) if kind == "conv2d" else
                  L.MaxPooling2D() if kind == "max_pooling2d" else
                  L.BatchNormalization() if kind == "batch_normalization" else
                  L.LSTM(arguments[0], return_sequences=arguments[1], use_cudnn=False) if kind == "lstm" else
                  L.LeakyReLU(negative_slope=SLOPE) if kind == "leaky_relu" else L.Activation(kind))
    return model


def keras_run(model, first, x, y, dtype):
    layers, _, optimizer, total, non_trainable = MODELS[model]
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    network = keras_build(layers, x.shape[1:])
    count = lambda weights: sum(int(np.prod(w.shape)) for w in weights)
    assert (count(network.weights), count(network.non_trainable_weights)) == (total, non_trainable), model
    for weight, (path, value) in zip(network.weights, first.items(), strict=True):
        assert weight.path.endswith(path.split("/")[-1]), (weight.path, path)
        assert weight.dtype == dtype
        weight.assign(value.reshape(weight.shape))
    # Of its betas Keras takes powers in float32 if they are Python's numbers.
    update = (keras.optimizers.SGD(0.1) if optimizer == "sgd" else
              keras.optimizers.Adam(beta_1=np.dtype(dtype).type(0.9), beta_2=np.dtype(dtype).type(0.999)))
    update.build(network.trainable_variables)

    @tf.function
    def gradients_of(rows, wanted):
        with tf.GradientTape() as tape:
            out = network(rows, training=True)
            loss = (tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, out))
                    if wanted.dtype == tf.int64 else tf.reduce_mean((out[:, 0] - wanted)**2))
        return loss, tape.gradient(loss, [v.value for v in network.trainable_variables])

    losses = []
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        wanted = tf.constant(y[rows] if y.dtype == np.int64 else y[rows].astype(dtype))
        loss, gradients = gradients_of(tf.constant(x[rows].astype(dtype)), wanted)
        losses.append(float(loss))
        update.apply(gradients, network.trainable_variables)
    return np.array(losses), {path: np.asarray(w.value, np.float64).reshape(first[path].shape)
                              for path, w in zip(first, network.weights)}


# ------------------------------------------------------------------------------------------------------------- file

def norm(values):
    return np.sqrt(np.sum(values**2))


def lines_of(model, first, exact, runs):
    """`exact` is float64, `runs` are float32, and what they are off is beside each value: of a sum that of all
    elements together, of a norm their distance, of elements that of the worst, as the triangle inequality has it."""
    lines = ["model %s %d %d" % (model, STEPS, BATCH)]
    # What is lost does not come back: no step has less than one before it.
    off = np.maximum.accumulate(np.max([np.abs(losses - exact[0]) for losses, _ in runs], 0))
    lines += ["step %.12g %.2e" % pair for pair in zip(exact[0], off)]
    for path, value in exact[1].items():
        off = [np.abs(values[path] - value) for _, values in runs]
        places = min(PLACES, value.size)
        lines.append("variable %s %d" % (path, value.size))
        lines.append("sum %.12g %.2e" % (value.sum(), max(o.sum() for o in off)))
        lines.append("norm %.12g %.2e" % (norm(value), max(norm(o) for o in off)))
        lines.append("elements %d %.2e" % (places, max(o.max() for o in off)))
        # In each eighth what moved most.
        moved = np.abs(value - first[path]).ravel()
        for part in np.array_split(np.arange(value.size), places):
            place = part[np.argmax(moved[part])]
            lines.append("%d %.12g" % (place, value.ravel()[place]))
    return lines + ["end", ""]


def assert_equal(model, ours, theirs):
    """PyTorch and Keras in float64."""
    assert np.allclose(ours[0], theirs[0], rtol=1e-9, atol=1e-12), (model, ours[0], theirs[0])
    for path, value in ours[1].items():
        assert np.allclose(value, theirs[1][path], rtol=1e-6, atol=1e-9), \
            (model, path, np.abs(value - theirs[1][path]).max())


def write(folder):
    torch.set_num_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    data = {"digits": train_inputs.digits(), "sensors": train_inputs.sensors()}
    rng, lines = np.random.default_rng(1), []
    for model, (layers, source, _, _, _) in MODELS.items():
        x, y = data[source][:2]
        first = variables_of(model, layers, x.shape[1:])
        straight = np.arange(BATCH)
        exact = torch_run(model, first, x, y, torch.float64, straight)
        assert_equal(model, exact, keras_run(model, first, x, y, "float64"))
        runs = [torch_run(model, first, x, y, torch.float32, order)
                for order in (straight, straight[::-1].copy(), rng.permutation(BATCH), rng.permutation(BATCH))]
        runs.append(keras_run(model, first, x, y, "float32"))
        # Not so without oneDNN: NNPACK transforms, and what of that is left of empty pixels is beyond ReLU's kink.
        assert all(np.abs(losses - exact[0]).max() < 1e-4 for losses, _ in runs), model
        lines += lines_of(model, first, exact, runs)
        print("%-12s loss %.6f to %.6f" % (model, exact[0][0], exact[0][-1]))
    path = os.path.join(folder, "train.txt")
    with open(path, "w", encoding="ascii") as file:
        file.write("# PyTorch %s, float64; float32 of it and of Keras %s on TensorFlow %s, CPU.\n"
                   "# Made by generate.py; see README.md.\n\n" %
                   (torch.__version__.split("+")[0], keras.__version__, tf.__version__) + "\n".join(lines))
    print("%s: %d models" % (path, len(MODELS)))
