"""register.py MODEL FILE: logs a detector with a metric, and registers it."""

import sys

import mlflow
import numpy
import onnx
from mlflow.models import infer_signature

model, file = sys.argv[1:]
mlflow.set_experiment("observability")
with mlflow.start_run():
    mlflow.log_metric("map50", 0.857)
    mlflow.onnx.log_model(
        onnx.load(file), name="model", registered_model_name=model,
        signature=infer_signature(numpy.zeros((1, 3, 160, 160), numpy.float32)),
        pip_requirements=["onnxruntime==1.32.0"],
    )
