"""ONNX: BatchNormalization and what may stand beside it, by onnx.reference.ReferenceEvaluator in float64 and by
ONNX Runtime in float32."""
import os

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import vectors

OPSET = 20
EPSILON = 1e-5

# Name: operator, attributes, VknActivation and its parameters.
ACTIVATIONS = {
    "relu": ("Relu", {}, ["RELU", 0, 0, "inf"]),
    "leaky_relu": ("LeakyRelu", {}, ["LEAKY_RELU", 0.01]),
    "elu": ("Elu", {}, ["ELU", 1]),
    "sigmoid": ("Sigmoid", {}, ["SIGMOID"]),
    "tanh": ("Tanh", {}, ["TANH"]),
    "gelu": ("Gelu", {}, ["GELU"]),
    "hard_swish": ("HardSwish", {}, ["HARD_SWISH"]),
    "thresholded_relu": ("ThresholdedRelu", {"alpha": 0.5}, ["RELU", 0, 0.5, "inf"]),
}

SHAPES = {"nc": (9, 4), "ncl": (3, 4, 5), "nchw": (2, 3, 2, 5), "ncdhw": (2, 2, 2, 3, 3)}


def run(arrays, training, epsilon, momentum, activation, residual, runtime):
    """One graph: BatchNormalization, Add, an activation."""
    kind = TensorProto.FLOAT if runtime else TensorProto.DOUBLE
    outputs = ["bn"] + (["mean_after", "var_after"] if training else [])
    nodes = [helper.make_node("BatchNormalization", ["x", "scale", "bias", "mean", "var"], outputs, epsilon=epsilon,
                              momentum=momentum, training_mode=int(training))]
    names = ["x", "scale", "bias", "mean", "var"]
    last = "bn"
    if residual is not None:
        nodes.append(helper.make_node("Add", [last, "residual"], ["sum"]))
        names, arrays, last = names + ["residual"], arrays + [residual], "sum"
    if activation:
        operator, attributes, _ = ACTIVATIONS[activation]
        nodes.append(helper.make_node(operator, [last], ["act"], **attributes))
        last = "act"
    wanted = [last] + outputs[1:]
    graph = helper.make_graph(
        nodes, "golden", [helper.make_tensor_value_info(n, kind, a.shape) for n, a in zip(names, arrays)],
        [helper.make_tensor_value_info(last, kind, arrays[0].shape)] +
        [helper.make_tensor_value_info(n, kind, arrays[1].shape) for n in outputs[1:]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    feeds = {n: a.astype(np.float32 if runtime else np.float64) for n, a in zip(names, arrays)}
    if runtime:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(wanted, feeds)
    return ReferenceEvaluator(model).run(wanted, feeds)


def make(name, attempt, layout, training, epsilon=EPSILON, momentum=0.9, activation=None, residual=False,
         runtime=False, full=False):
    shape = SHAPES[layout]
    data = vectors.Data(name, attempt, shape, 1, full)
    x, gamma, beta, running = data.x(), data.gamma(), data.beta(), data.running()
    other = data.like_x() if residual else None
    results = run([x, gamma, beta, *running], training, epsilon, momentum, activation, other, runtime)
    settings = {"epsilon": epsilon}
    if training:
        settings.update(momentum_convention="OLD", momentum=momentum, running_variance="BIASED")
    if activation:
        settings["activation"] = ACTIVATIONS[activation][2]
    if runtime:
        settings["factor"] = 4
    case = vectors.Case(name, "TRAIN" if training else "APPLY", shape, 1, **settings)
    case.takes(X=x, RESIDUAL=other, GAMMA=gamma, BETA=beta)
    case.takes(**dict(zip(("RUNNING_MEAN", "RUNNING_VARIANCE") if training else ("MEAN", "VARIANCE"), running)))
    return case.gives(Y=results[0], **(dict(RUNNING_MEAN=results[1], RUNNING_VARIANCE=results[2]) if training else {}))


def write(folder):
    file = vectors.File(os.path.join(folder, "onnx.txt"), [
        "ONNX %s, opset %d, ReferenceEvaluator, float64; onnx_runtime cases: ONNX Runtime %s, CPU, float32."
        % (onnx.__version__, OPSET, onnxruntime.__version__), "Made by generate.py; see README.md."])
    for layout in SHAPES:
        file.add(make, "onnx_train_" + layout, layout, True)
        file.add(make, "onnx_infer_" + layout, layout, False)
        file.add(make, "onnx_runtime_infer_" + layout, layout, False, runtime=True)
    for layout in ("nc", "nchw"):
        file.add(make, "onnx_runtime_train_" + layout, layout, True, runtime=True)
    file.add(make, "onnx_train_full_precision", "nchw", True, full=True)
    file.add(make, "onnx_train_momentum_0.6", "nchw", True, momentum=0.6)
    file.add(make, "onnx_train_epsilon_0.1", "nchw", True, epsilon=0.1)
    file.add(make, "onnx_infer_epsilon_0", "nchw", False, epsilon=0.0)
    for activation in ACTIVATIONS:
        file.add(make, "onnx_train_" + activation, "nchw", True, activation=activation)
        file.add(make, "onnx_runtime_infer_" + activation, "nchw", False, activation=activation, runtime=True)
    file.add(make, "onnx_train_residual_relu", "nchw", True, activation="relu", residual=True)
    file.add(make, "onnx_infer_residual_relu", "nchw", False, activation="relu", residual=True)
    file.add(make, "onnx_runtime_infer_residual_relu", "nchw", False, activation="relu", residual=True, runtime=True)
    file.write()
