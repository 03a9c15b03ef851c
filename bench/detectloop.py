"""detectloop.py MODEL FOLDER ROUNDS: decodes, resizes and infers each picture of a
folder, a process with one thread on each core, and prints the best rate as JSON."""

import json
import multiprocessing
import os
import resource
import sys
import time

import numpy
import onnxruntime
from PIL import Image

SIDE = 160


def work(model: str, files: list[str], rounds: int, gate, rates) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    for _ in range(rounds):
        gate.wait()
        began = time.perf_counter()
        for file in files:
            picture = Image.open(file).convert("RGB")
            ratio = SIDE / max(picture.size)
            width, height = round(picture.width * ratio), round(picture.height * ratio)
            box = numpy.full((SIDE, SIDE, 3), 114, numpy.uint8)
            left, top = (SIDE - width) // 2, (SIDE - height) // 2
            box[top:top + height, left:left + width] = numpy.asarray(picture.resize((width, height), Image.BILINEAR))
            session.run(None, {name: numpy.ascontiguousarray(box.transpose(2, 0, 1)[None], numpy.float32) / 255})
        rates.put(time.perf_counter() - began)


if __name__ == "__main__":
    model, folder, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    files = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    cores = os.cpu_count() or 1
    gate, rates = multiprocessing.Barrier(cores), multiprocessing.Queue()
    everyone = [multiprocessing.Process(target=work, args=(model, files[n::cores], rounds, gate, rates)) for n in range(cores)]
    for one in everyone:
        one.start()
    took = [max(rates.get() for _ in range(cores)) for _ in range(rounds)]
    for one in everyone:
        one.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (used.ru_utime + used.ru_stime) / rounds  # its start included
    print(json.dumps({"per_second": len(files) / min(took), "cpu_seconds": cpu}))
