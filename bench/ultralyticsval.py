"""ultralyticsval.py MODEL FOLDER: pictures a second of "ultralytics val", the first
call (its imports included) and the best of three more, and its figures as JSON."""

import json
import os
import shutil
import sys
import tempfile
import time

os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false")
model, folder = sys.argv[1], sys.argv[2]
began = time.perf_counter()
from ultralytics import YOLO  # noqa: E402

with tempfile.TemporaryDirectory() as work:
    data = os.path.join(work, "set")
    shutil.copytree(folder, data)  # it writes a cache beside the labels
    with open(os.path.join(data, "data.yaml")) as f:
        text = f.read()
    with open(os.path.join(data, "data.yaml"), "w") as f:
        f.write(f"path: {data}\n{text}")
    count = len(os.listdir(os.path.join(data, "images")))

    def val():
        return YOLO(model, task="detect").val(
            data=os.path.join(data, "data.yaml"), imgsz=160, batch=1, device="cpu", workers=0, plots=False,
            verbose=False, conf=0.001, iou=0.7, project=work)

    result = val()
    first = time.perf_counter() - began
    warm = []
    for _ in range(3):
        began = time.perf_counter()
        result = val()
        warm.append(time.perf_counter() - began)
print(json.dumps({"First": count / first, "Warm": count / min(warm), "MAP50": float(result.box.map50), "MAP5095": float(result.box.map)}))
