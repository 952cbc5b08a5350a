"""The frameworks as functions of arrays: forward, and backward where there is one."""
import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import torch
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

torch.set_num_threads(1)

VERSIONS = ["PyTorch %s, Keras %s on TensorFlow %s, ONNX %s by ReferenceEvaluator, ONNX Runtime %s; CPU, float64;" %
            (torch.__version__.split("+")[0], keras.__version__, tf.__version__, onnx.__version__,
             onnxruntime.__version__), "16-bit cases: float32. Made by generate.py; see README.md."]


def array(value):
    return None if value is None else np.asarray(value, np.float64)


def rounded(values, kind):
    """To what a 16-bit type can hold; to themselves without a kind."""
    return values if kind is None or values is None else \
        torch.tensor(values).to(getattr(torch, kind)).double().numpy()


def as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def by_torch(function, tensors, parameters=(), gradients=None, kind=None):
    """Values of function(*tensors, *parameters), and gradients by each of these for the given gradients of the
    values. kind: that of the tensors, the parameters are float32 then."""
    def leaf(value, dtype):
        return None if value is None else torch.tensor(value, dtype=dtype, requires_grad=True)
    given = [leaf(v, getattr(torch, kind or "float64")) for v in tensors] + \
        [leaf(v, torch.float32 if kind else torch.float64) for v in parameters]
    values = as_list(function(*given))
    if gradients is not None:
        pairs = [(v, torch.tensor(g, dtype=v.dtype)) for v, g in zip(values, gradients) if g is not None]
        torch.autograd.backward([v for v, _ in pairs], [g for _, g in pairs])
    return [v.detach().double().numpy() for v in values], \
        [None if v is None or v.grad is None else v.grad.double().numpy() for v in given]


def by_keras(function, tensors, parameters=(), gradients=None, kind=None):
    given = [None if v is None else tf.constant(v, kind or "float64") for v in tensors] + \
        [None if v is None else tf.constant(v, "float32" if kind else "float64") for v in parameters]
    wanted = [v for v in given if v is not None]
    with tf.GradientTape() as tape:
        tape.watch(wanted)
        values = as_list(function(*given))
        loss = 0 if gradients is None else tf.add_n([tf.reduce_sum(v * tf.constant(g, v.dtype))
                                                      for v, g in zip(values, gradients) if g is not None])
    by = iter([] if gradients is None else tape.gradient(loss, wanted))
    return [array(v) for v in values], [None if v is None else array(next(by, None)) for v in given]


def layer(made):
    """A Keras layer as a function of its input and its trainable variables."""
    def function(x, *variables):
        made.build(x.shape)
        return made.stateless_call([v for v in variables if v is not None], [], x)[0]
    return function


def by_onnx(operator, opset, inputs, outputs=1, runtime=False, single=False, **attributes):
    """Values of one operator in float64, or in float32 where it has no other type; by ONNX Runtime where the
    reference evaluator is none."""
    names, wanted = ["i%d" % i for i in range(len(inputs))], ["o%d" % i for i in range(outputs)]
    node = helper.make_node(operator, names, wanted, **attributes)
    real = TensorProto.FLOAT if single else TensorProto.DOUBLE
    inputs = [v if v.dtype == np.int64 else v.astype(np.float32) if single else v for v in inputs]
    kinds = [TensorProto.INT64 if v.dtype == np.int64 else real for v in inputs]
    graph = helper.make_graph(
        [node], "golden", [helper.make_tensor_value_info(n, k, np.shape(v)) for n, k, v in zip(names, kinds, inputs)],
        [helper.make_tensor_value_info(n, TensorProto.INT64 if operator.startswith("Arg") else real, None)
         for n in wanted])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    feeds = dict(zip(names, inputs))
    if runtime:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(wanted, feeds)
    return ReferenceEvaluator(model).run(wanted, feeds)
