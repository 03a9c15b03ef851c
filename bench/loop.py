"""loop.py MODEL SECONDS: calls ONNX Runtime and nothing else, a session with one
thread on each core, and prints what it reached as JSON."""

import json
import os
import sys
import threading
import time

import numpy
import onnxruntime

model, seconds = sys.argv[1], float(sys.argv[2])


def session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def loop(took: list[float]) -> None:
    run = session()
    tensor = run.get_inputs()[0]
    count = 3 * 160 * 160
    values = (numpy.arange(count) * 7919 % 256 / 255).astype(numpy.float32).reshape(1, 3, 160, 160)
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        run.run(None, {tensor.name: values})
        took.append(time.perf_counter() - began)


everyone = [[] for _ in range(os.cpu_count() or 1)]
began = time.perf_counter()
threads = [threading.Thread(target=loop, args=(took,)) for took in everyone]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
took = sorted(sum(everyone, []))
print(json.dumps({
    "per_second": len(took) / (time.perf_counter() - began),
    "p99_seconds": took[len(took) * 99 // 100],
}))
