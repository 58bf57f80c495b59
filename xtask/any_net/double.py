"""Runs an ONNX file in f64: makes every f32 f64 (tensors, types, what casts cast to), then asks onnx's own evaluator."""
import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun


class BatchNormalization(OpRun):
    """In evaluation. The evaluator of onnx mixes statistics of the batch into it, for versions before 14."""

    op_domain = ""

    def _run(self, x, scale, bias, mean, var, epsilon=None, **_):
        shape = (-1, *[1] * (x.ndim - 2))
        scale, bias, mean, var = (v.reshape(shape) for v in (scale, bias, mean, var))
        return (scale * (x - mean) / np.sqrt(var + (epsilon or 1e-5)) + bias,)


class GlobalMaxPool(OpRun):
    """The evaluator of onnx drops the axes of places where there is one."""

    op_domain = ""

    def _run(self, x):
        return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)


def wide(tensor: TensorProto) -> TensorProto:
    if tensor.data_type != TensorProto.FLOAT:
        return tensor
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name)


def widen_node(node: onnx.NodeProto):
    for a in node.attribute:
        if a.type == AttributeProto.TENSOR:
            a.t.CopyFrom(wide(a.t))
        elif a.type == AttributeProto.GRAPH:
            widen_graph(a.g)
        elif node.op_type in ("Cast", "ConstantOfShape", "EyeLike", "RandomNormal") and a.name in ("to", "dtype"):
            if a.i == TensorProto.FLOAT:
                a.i = TensorProto.DOUBLE
    # Numbers that stand in the node itself become a tensor, which has a type.
    if node.op_type == "Constant" and node.attribute[0].name in ("value_float", "value_floats"):
        a = node.attribute[0]
        value = np.array(a.f if a.name == "value_float" else list(a.floats), np.float64)
        del node.attribute[:]
        node.attribute.append(onnx.helper.make_attribute("value", numpy_helper.from_array(value)))


def widen_graph(graph: onnx.GraphProto):
    for tensor in graph.initializer:
        tensor.CopyFrom(wide(tensor))
    for value in [*graph.input, *graph.output, *graph.value_info]:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in graph.node:
        # Without a value, ConstantOfShape is f32.
        if node.op_type == "ConstantOfShape" and not node.attribute:
            zero = numpy_helper.from_array(np.zeros(1, np.float64))
            node.attribute.append(onnx.helper.make_attribute("value", zero))
        widen_node(node)


def run_in_f64(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Outputs of the model in f64, which is changed in place."""
    widen_graph(model.graph)
    inputs = {k: x.astype(np.float64) if x.dtype == np.float32 else x for k, x in inputs.items()}
    return ReferenceEvaluator(model, new_ops=[BatchNormalization, GlobalMaxPool]).run(None, inputs)
