"""PyTorch: torch.nn modules and torch.nn.functional on the CPU, in float64."""
import os

import numpy as np
import torch
import torch.nn.functional as F

import vectors

D = torch.float64

# Name: the function, VknActivation and its parameters, kinks of the derivative.
ACTIVATIONS = {
    "relu": (F.relu, ["RELU", 0, 0, "inf"], [0]),
    "relu6": (F.relu6, ["RELU", 0, 0, 6], [0, 6]),
    "leaky_relu": (F.leaky_relu, ["LEAKY_RELU", 0.01], [0]),
    "elu": (F.elu, ["ELU", 1], []),
    "sigmoid": (torch.sigmoid, ["SIGMOID"], []),
    "tanh": (torch.tanh, ["TANH"], []),
    "silu": (F.silu, ["SILU", 1], []),
    "gelu": (F.gelu, ["GELU"], []),
    "hardswish": (F.hardswish, ["HARD_SWISH"], [-3, 3]),
    "hardtanh": (F.hardtanh, ["CLIP", -1, 1], [-1, 1]),
    "threshold": (lambda z: F.threshold(z, 0.5, 0), ["RELU", 0, 0.5, "inf"], [0.5]),
}

# Shape and kept axis in the file, and the module that PyTorch has for it.
LAYOUTS = {
    "bf": ((11, 4), 1, torch.nn.BatchNorm1d),
    "ncl": ((3, 4, 7), 1, torch.nn.BatchNorm1d),
    "nchw": ((2, 3, 2, 5), 1, torch.nn.BatchNorm2d),
    "nhwc": ((2, 2, 3, 5), -1, torch.nn.BatchNorm2d),
    "ncdhw": ((2, 2, 2, 3, 3), 1, torch.nn.BatchNorm3d),
    "nchw_large": ((2, 5, 6, 7), 1, torch.nn.BatchNorm2d),
}


def to_torch(values, axis, dtype=D):
    """A view whose second axis is the channel: NHWC becomes PyTorch's channels_last."""
    return torch.movedim(torch.tensor(np.asarray(values), dtype=dtype), axis, 1)


def from_torch(values, axis):
    return torch.movedim(values.detach(), 1, axis).double().numpy()


def param(values):
    return None if values is None else torch.tensor(values, dtype=D)


def array(values):
    return None if values is None else values.detach().double().numpy()


class Problem:
    """A BatchNorm module and its data; run() is forward and, with dy, backward."""

    def __init__(self, name, attempt, layout, activation=None, prologue=None, residual=False, affine=True,
                 training=True, tracks=True, momentum=0.1, epsilon=1e-5, full=False, offset=0.0, batch_number=None,
                 constant=False):
        self.shape, self.axis, module = LAYOUTS[layout]
        self.data = data = vectors.Data(name, attempt, self.shape, self.axis, full)
        self.name, self.training, self.epsilon, self.momentum = name, training, epsilon, momentum
        self.activation, self.prologue, self.batch_number = activation, prologue, batch_number
        self.x, self.dy = data.x(offset), data.like_x()
        if constant:  # the first channel
            np.moveaxis(self.x, self.axis, 0)[0] = 1.25
        self.residual = data.like_x() if residual else None
        self.gamma, self.beta = (data.gamma(), data.beta()) if affine else (None, None)
        if activation == "relu6":
            self.gamma, self.beta = self.gamma * 2, self.beta + 4
        self.running = data.running() if tracks else None
        self.module = module(len(data.channels) and data.channels[0], eps=epsilon, momentum=momentum, affine=affine,
                             track_running_stats=tracks, dtype=D)
        self.module.train(training)
        with torch.no_grad():
            if affine:
                self.module.weight.copy_(param(self.gamma))
                self.module.bias.copy_(param(self.beta))
            if tracks:
                self.module.running_mean.copy_(param(self.running[0]))
                self.module.running_var.copy_(param(self.running[1]))
                if batch_number:
                    self.module.num_batches_tracked.fill_(batch_number - 1)
        self.run()

    def run(self):
        x = to_torch(self.x, self.axis).requires_grad_()
        u = ACTIVATIONS[self.prologue][0](x) if self.prologue else x
        residual = None if self.residual is None else to_torch(self.residual, self.axis).requires_grad_()
        z = self.module(u)
        z = z if residual is None else z + residual
        y = ACTIVATIONS[self.activation][0](z) if self.activation else z
        if self.activation:
            vectors.away(array(z), ACTIVATIONS[self.activation][2])
        if self.prologue:
            vectors.away(self.x, ACTIVATIONS[self.prologue][2])
        y.backward(to_torch(self.dy, self.axis))
        self.y, self.dx = from_torch(y, self.axis), from_torch(x.grad, self.axis)
        self.dresidual = None if residual is None else from_torch(residual.grad, self.axis)
        self.dgamma, self.dbeta = (array(self.module.weight.grad), array(self.module.bias.grad)) \
            if self.gamma is not None else (None, None)
        # What autograd saves between the two.
        _, mean, inv_std = torch.native_batch_norm(u, None, None, None, None, True, 0.0, self.epsilon)
        self.mean, self.inv_std = array(mean), array(inv_std)

    def case(self, operation, suffix, **settings):
        if self.activation:
            settings["activation"] = ACTIVATIONS[self.activation][1]
        if self.prologue:
            settings["prologue"] = ACTIVATIONS[self.prologue][1]
        return vectors.Case(self.name + suffix, operation, self.shape, self.axis, epsilon=self.epsilon, **settings)

    def affine(self):
        return {"GAMMA": self.gamma, "BETA": self.beta}


def forward(problem):
    p = problem
    if not p.training and p.running:
        return p.case("APPLY", "_eval").takes(X=p.x, RESIDUAL=p.residual, MEAN=p.running[0], VARIANCE=p.running[1],
                                              **p.affine()).gives(Y=p.y)
    moves = {}
    if p.running:
        moves = {"running_variance": "UNBIASED", "momentum_convention": "NEW" if p.momentum else "CUMULATIVE",
                 "momentum": p.momentum, "batch_number": p.batch_number}
    case = p.case("TRAIN", "_train", **moves)
    case.takes(X=p.x, RESIDUAL=p.residual, **p.affine())
    case.gives(Y=p.y, MEAN=p.mean, INV_STD=p.inv_std)
    if p.running:
        case.takes(RUNNING_MEAN=p.running[0], RUNNING_VARIANCE=p.running[1])
        case.gives(RUNNING_MEAN=array(p.module.running_mean), RUNNING_VARIANCE=array(p.module.running_var))
    return case


def backward(problem):
    p = problem
    frozen = not p.training and p.running
    case = p.case("APPLY_GRADIENT" if frozen else "TRAIN_GRADIENT", "_eval_gradient" if frozen else "_gradient")
    case.takes(X=p.x, DY=p.dy, **p.affine())
    if p.activation:
        case.takes(RESIDUAL=p.residual)
    if frozen:
        case.takes(MEAN=p.running[0], VARIANCE=p.running[1])
    else:
        case.takes(MEAN=p.mean, INV_STD=p.inv_std)
    return case.gives(DX=p.dx, DGAMMA=p.dgamma, DBETA=p.dbeta, DRESIDUAL=p.dresidual)


def both(name, attempt, layout, **options):
    problem = Problem(name, attempt, layout, **options)
    return [forward(problem), backward(problem)]


def only_forward(name, attempt, layout, **options):
    return forward(Problem(name, attempt, layout, **options))


def only_backward(name, attempt, layout, **options):
    return backward(Problem(name, attempt, layout, **options))


def only_dx(name, attempt, layout, **options):
    """PyTorch's requires_grad = False on weight and bias: the rest of a frozen network."""
    case = backward(Problem(name, attempt, layout, **options))
    del case.outputs["DGAMMA"], case.outputs["DBETA"]
    return case


def accumulated(name, attempt, layout):
    """A second backward adds to .grad of weight and bias, not to that of x, which is another tensor."""
    p = Problem(name, attempt, layout)
    before = p.data.gamma(), p.data.beta()
    with torch.no_grad():
        p.module.weight.grad, p.module.bias.grad = param(before[0]), param(before[1])
    p.run()
    case = backward(p)
    case.settings["accumulate"] = 1
    return case.takes(DGAMMA=before[0], DBETA=before[1])


def statistics(name, attempt, layout):
    p = Problem(name, attempt, layout)
    case = p.case("STATISTICS", "", running_variance="UNBIASED", momentum_convention="NEW", momentum=p.momentum)
    case.takes(X=p.x, RUNNING_MEAN=p.running[0], RUNNING_VARIANCE=p.running[1])
    u = to_torch(p.x, p.axis)
    axes = [a for a in range(u.dim()) if a != 1]
    variance, mean = torch.var_mean(u, axes, unbiased=False)
    return case.gives(MEAN=array(mean), VARIANCE=array(variance), RUNNING_MEAN=array(p.module.running_mean),
                      RUNNING_VARIANCE=array(p.module.running_var))


def instance(name, attempt):
    shape, axes = (2, 3, 4, 5), [0, 1]
    data = vectors.Data(name, attempt, shape, axes)
    x, dy = data.x(), data.like_x()
    t = torch.tensor(x, requires_grad=True)
    y = F.instance_norm(t, eps=1e-5)
    y.backward(torch.tensor(dy))
    mean, variance = data.moments(x)
    forward_case = vectors.Case(name + "_train", "TRAIN", shape, axes, epsilon=1e-5).takes(X=x).gives(Y=array(y))
    return [forward_case, vectors.Case(name + "_gradient", "TRAIN_GRADIENT", shape, axes, epsilon=1e-5).takes(
        X=x, DY=dy, MEAN=mean, VARIANCE=variance).gives(DX=array(t.grad))]


def bfloat16(name, attempt, layout, training):
    """Mixed precision: data in bfloat16, parameters and statistics in float32. PyTorch rounds y and dx as we do,
    but it computes in float32: `factor` widens the bound."""
    shape, axis, _ = LAYOUTS[layout]
    data = vectors.Data(name, attempt, shape, axis)
    half = lambda values: torch.tensor(values).bfloat16().double().numpy()
    x, dy, gamma, beta, running = half(data.x()), half(data.like_x()), data.gamma(), data.beta(), data.running()
    single = lambda values: torch.tensor(values, dtype=torch.float32)
    t = to_torch(x, axis, torch.bfloat16).requires_grad_()
    weight, bias = single(gamma).requires_grad_(), single(beta).requires_grad_()
    mean, variance = single(running[0]), single(running[1])
    y = F.batch_norm(t, mean, variance, weight, bias, training, 0.1, 1e-5)
    y.backward(to_torch(dy, axis, torch.bfloat16))
    types = {"x_type": "BF16", "y_type": "BF16", "epsilon": 1e-5, "factor": 4}
    outputs = {"DX": from_torch(t.grad, axis), "DGAMMA": array(weight.grad), "DBETA": array(bias.grad)}
    if not training:
        saved = {"MEAN": running[0], "VARIANCE": running[1]}
        case = vectors.Case(name + "_eval", "APPLY", shape, axis, **types)
        case.takes(X=x, GAMMA=gamma, BETA=beta, **saved).gives(Y=from_torch(y, axis))
    else:
        batch = data.moments(x)
        saved = {"MEAN": batch[0], "VARIANCE": batch[1]}
        case = vectors.Case(name + "_train", "TRAIN", shape, axis, momentum_convention="NEW", momentum=0.1,
                            running_variance="UNBIASED", **types)
        case.takes(X=x, GAMMA=gamma, BETA=beta, RUNNING_MEAN=running[0], RUNNING_VARIANCE=running[1])
        case.gives(Y=from_torch(y, axis), RUNNING_MEAN=array(mean), RUNNING_VARIANCE=array(variance))
    gradient = vectors.Case(name + ("_gradient" if training else "_eval_gradient"),
                            "TRAIN_GRADIENT" if training else "APPLY_GRADIENT", shape, axis, dx_type="BF16", **types)
    gradient.takes(X=x, DY=dy, GAMMA=gamma, BETA=beta, **saved).gives(**outputs)
    return [case, gradient]


def write(folder):
    torch.set_num_threads(1)
    file = vectors.File(os.path.join(folder, "torch.txt"), [
        "PyTorch %s, CPU, float64; bfloat16 cases: float32." % torch.__version__.split("+")[0],
        "Made by generate.py; see README.md."])
    file.add(only_forward, "torch_nchw_large", "nchw_large")
    for layout in ("bf", "ncl", "nchw", "nhwc", "ncdhw"):
        file.add(both, "torch_" + layout, layout)
    for layout in ("bf", "nchw", "nhwc", "ncdhw"):
        file.add(both, "torch_frozen_" + layout, layout, training=False)
    file.add(both, "torch_full_precision", "nchw", full=True)
    file.add(both, "torch_mean_30", "nhwc", full=True, offset=30.0)
    file.add(both, "torch_not_affine", "nchw", affine=False)
    file.add(both, "torch_not_affine_frozen", "ncl", affine=False, training=False)
    file.add(both, "torch_not_tracked", "ncl", tracks=False)
    file.add(both, "torch_not_tracked_eval", "nchw", tracks=False, training=False)
    file.add(only_forward, "torch_momentum_0.37", "nchw", momentum=0.37)
    file.add(only_forward, "torch_momentum_1", "bf", momentum=1.0)
    for batch in (1, 2, 5):
        file.add(only_forward, "torch_cumulative_%d" % batch, "nhwc", momentum=None, batch_number=batch)
    file.add(only_forward, "torch_epsilon_0.1", "nchw", epsilon=0.1)
    file.add(both, "torch_constant_channel", "nchw", constant=True)
    file.add(both, "torch_constant_channel_epsilon_0", "nchw", constant=True, epsilon=0.0)
    for activation in ACTIVATIONS:
        file.add(both, "torch_" + activation, "nchw", activation=activation)
    for activation in ("relu", "silu", "gelu"):
        file.add(both, "torch_%s_frozen" % activation, "nhwc", activation=activation, training=False)
    file.add(both, "torch_residual", "nchw", residual=True)
    file.add(both, "torch_residual_relu", "nchw", residual=True, activation="relu")
    file.add(both, "torch_residual_relu_nhwc", "nhwc", residual=True, activation="relu")
    file.add(both, "torch_residual_elu_ncl", "ncl", residual=True, activation="elu")
    file.add(both, "torch_residual_relu_frozen", "nchw", residual=True, activation="relu", training=False)
    for prologue in ("relu", "silu", "tanh", "leaky_relu"):
        file.add(both, "torch_after_" + prologue, "nchw", prologue=prologue)
    file.add(both, "torch_after_elu_nhwc", "nhwc", prologue="elu")
    file.add(both, "torch_after_gelu_frozen", "nchw", prologue="gelu", training=False)
    file.add(both, "torch_after_relu_before_sigmoid", "ncl", prologue="relu", activation="sigmoid")
    file.add(accumulated, "torch_accumulate", "nchw")
    file.add(only_dx, "torch_only_dx", "nchw", training=False)
    file.add(only_dx, "torch_only_dx_train", "nhwc")
    file.add(statistics, "torch_statistics_nchw", "nchw")
    file.add(statistics, "torch_statistics_nhwc", "nhwc")
    file.add(instance, "torch_instance")
    for layout in ("nchw", "nhwc"):
        file.add(bfloat16, "torch_bfloat16_" + layout, layout, True)
        file.add(bfloat16, "torch_bfloat16_frozen_" + layout, layout, False)
    file.write()
