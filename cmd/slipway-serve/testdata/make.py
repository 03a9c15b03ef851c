#!/usr/bin/env python3
"""Writes the small ONNX models beside this file (onnx, numpy)."""
import os

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

here = os.path.dirname(os.path.abspath(__file__))


def value(name, typ, shape):
    return h.make_tensor_value_info(name, typ, shape)


def save(name, nodes, inputs, outputs, weights=(), opset=17, ir=8, extra=(), **meta):
    graph = h.make_graph(nodes, name, inputs, outputs, [numpy_helper.from_array(np.asarray(v), k) for k, v in weights])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", opset), *extra], ir_version=ir, producer_name="slipway")
    for key, text in meta.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, text
    path = f"{here}/{name}.onnx"
    onnx.save(model, path)
    return path


w = np.array([[1, 0, 1], [0, 1, 1], [0, 0, 1], [1, 1, 0]], np.float32)
save("linear", [h.make_node("MatMul", ["x", "w"], ["m"]), h.make_node("Add", ["m", "b"], ["y"])],
     [value("x", T.FLOAT, ["batch", 4])], [value("y", T.FLOAT, ["batch", 3])],
     [("w", w), ("b", np.array([0, 0, 10], np.float32))])

kinds = {"f32": T.FLOAT, "f64": T.DOUBLE, "i8": T.INT8, "i16": T.INT16, "i32": T.INT32, "i64": T.INT64, "u8": T.UINT8,
         "u16": T.UINT16, "u32": T.UINT32, "u64": T.UINT64, "flag": T.BOOL, "text": T.STRING}
save("types", [h.make_node("Identity", [k], [k + "_out"]) for k in kinds],
     [value(k, t, ["n"]) for k, t in kinds.items()], [value(k + "_out", t, ["n"]) for k, t in kinds.items()])

save("two", [h.make_node("Add", ["a", "b"], ["sum"]), h.make_node("Mul", ["a", "b"], ["product"])],
     [value("a", T.FLOAT, ["n", 1]), value("b", T.FLOAT, ["n", 1])],
     [value("sum", T.FLOAT, ["n", 1]), value("product", T.FLOAT, ["n", 1])])

save("log", [h.make_node("Log", ["x"], ["y"]), h.make_node("ReduceSum", ["x"], ["total"], keepdims=0)],
     [value("x", T.FLOAT, ["n"])], [value("y", T.FLOAT, ["n"]), value("total", T.FLOAT, [])])

# As long as it is told: n turns of a loop.
body = h.make_graph([h.make_node("Identity", ["go"], ["on"]), h.make_node("Add", ["v", "one"], ["v2"])], "body",
                    [value("i", T.INT64, []), value("go", T.BOOL, []), value("v", T.FLOAT, [1])],
                    [value("on", T.BOOL, []), value("v2", T.FLOAT, [1])])
save("slow", [h.make_node("Squeeze", ["n"], ["count"]), h.make_node("Loop", ["count", "yes", "zero"], ["turns"], body=body)],
     [value("n", T.INT64, [1])], [value("turns", T.FLOAT, [1])],
     [("yes", np.array(True)), ("zero", np.zeros(1, np.float32)), ("one", np.ones(1, np.float32))])

save("classifier", [h.make_node("GlobalAveragePool", ["images"], ["p"]), h.make_node("Flatten", ["p"], ["scores"])],
     [value("images", T.FLOAT, [1, 3, 32, 32])], [value("scores", T.FLOAT, [1, 3])])
# Three dimensions as a detector's, but none of its shapes.
save("embedding", [h.make_node("GlobalAveragePool", ["images"], ["p"]), h.make_node("Reshape", ["p", "to"], ["out"])],
     [value("images", T.FLOAT, [1, 3, 32, 32])], [value("out", T.FLOAT, [1, 1, 3])], [("to", np.array([1, 1, 3], np.int64))])

save("future-opset", [h.make_node("Identity", ["x"], ["y"])], [value("x", T.FLOAT, [1])], [value("y", T.FLOAT, [1])], opset=99)
save("future-ir", [h.make_node("Identity", ["x"], ["y"])], [value("x", T.FLOAT, [1])], [value("y", T.FLOAT, [1])], ir=99)
save("unknown-domain", [h.make_node("Sparkle", ["x"], ["y"], domain="com.example")], [value("x", T.FLOAT, [1])],
     [value("y", T.FLOAT, [1])], extra=[h.make_opsetid("com.example", 3)])
save("half", [h.make_node("Identity", ["x"], ["y"])], [value("x", T.FLOAT16, [1])], [value("y", T.FLOAT16, [1])])

path = save("external", [h.make_node("Add", ["x", "w"], ["y"])], [value("x", T.FLOAT, [300])], [value("y", T.FLOAT, [300])],
            [("w", np.arange(300, dtype=np.float32))])
model = onnx.load(path)
if os.path.exists(f"{here}/external.weights"):
    os.remove(f"{here}/external.weights")
onnx.save(model, path, save_as_external_data=True, location="external.weights")

# YOLOv5's layout (1, N, 5+classes), of the shapes detector with objectness 1.
detector = onnx.load(f"{here}/../../../tests/data/shapes/v1.onnx")
g = detector.graph
out = g.output[0]
g.node.extend([
    h.make_node("Transpose", ["output0"], ["rows"], perm=[0, 2, 1]),
    h.make_node("Split", ["rows", "parts"], ["place", "classes"], axis=2),
    h.make_node("Concat", ["place", "sure", "classes"], ["v5"], axis=2),
])
g.initializer.extend([numpy_helper.from_array(np.array([4, 4], np.int64), "parts"),
                      numpy_helper.from_array(np.ones((1, 500, 1), np.float32), "sure")])
del g.output[:]
g.output.extend([value("v5", T.FLOAT, [1, 500, 9])])
onnx.save(detector, f"{here}/yolov5.onnx")

# End to end: suppression inside, (1, M, 6) with as many rows as were found.
detector = onnx.load(f"{here}/../../../tests/data/shapes/v1.onnx")
g = detector.graph
i64 = lambda name, v: numpy_helper.from_array(np.array(v, np.int64), name)
f32 = lambda name, v: numpy_helper.from_array(np.array(v, np.float32), name)
g.node.extend([
    h.make_node("Split", ["output0", "parts"], ["place", "classes"], axis=1),
    h.make_node("Transpose", ["place"], ["boxes"], perm=[0, 2, 1]),
    h.make_node("NonMaxSuppression", ["boxes", "classes", "most", "iou", "least"], ["kept"], center_point_box=1),
    h.make_node("Gather", ["kept", "two"], ["anchor"], axis=1),
    h.make_node("Gather", ["kept", "one_"], ["class"], axis=1),
    h.make_node("Squeeze", ["boxes", "zero_"], ["flat"]),
    h.make_node("GatherND", ["flat", "anchor"], ["centred"]),
    h.make_node("GatherND", ["classes", "kept"], ["score"]),
    h.make_node("Unsqueeze", ["score", "one_"], ["score2"]),
    h.make_node("Cast", ["class"], ["class2"], to=T.FLOAT),
    h.make_node("Split", ["centred", "halves"], ["middle", "size"], axis=1),
    h.make_node("Mul", ["size", "half_"], ["reach"]),
    h.make_node("Sub", ["middle", "reach"], ["from_"]),
    h.make_node("Add", ["middle", "reach"], ["to_"]),
    h.make_node("Concat", ["from_", "to_", "score2", "class2"], ["table"], axis=1),
    h.make_node("Unsqueeze", ["table", "zero_"], ["found"]),
])
g.initializer.extend([i64("parts", [4, 4]), i64("most", [300]), f32("iou", [0.7]), f32("least", [0.001]), i64("two", [2]),
                      i64("one_", [1]), i64("zero_", [0]), i64("halves", [2, 2]), f32("half_", 0.5)])
del g.output[:]
g.output.extend([value("found", T.FLOAT, [1, "found", 6])])
onnx.save(detector, f"{here}/end-to-end.onnx")
