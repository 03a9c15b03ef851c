"""cocoeval.py FOLDER: pycocotools on truth.json and found.json; prints seconds of
evaluate and accumulate, the process's peak memory and the average precision."""

import contextlib
import io
import json
import resource
import sys
import time

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

folder = sys.argv[1]
with contextlib.redirect_stdout(io.StringIO()):
    truth = COCO(f"{folder}/truth.json")
    evaluation = COCOeval(truth, truth.loadRes(f"{folder}/found.json"), "bbox")
    began = time.perf_counter()
    evaluation.evaluate()
    evaluation.accumulate()
    took = time.perf_counter() - began
    evaluation.summarize()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": took, "mib": memory, "ap": float(evaluation.stats[0])}))
