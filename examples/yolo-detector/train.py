"""Registers the detector: what "yolo export format=onnx" left in detector.onnx.

MODEL_NAME is the registered model. Prints the number of the new version, and
writes it to the file that GITHUB_OUTPUT names.
"""

import os

import mlflow
import numpy
import onnx
from mlflow.models import infer_signature


def register(file: str = "detector.onnx") -> str:
    network = onnx.load(file)
    shape = [side.dim_value or 1 for side in network.graph.input[0].type.tensor_type.shape.dim]
    mlflow.set_experiment("yolo-detector")
    with mlflow.start_run():
        mlflow.log_params({"file": file, "input": shape})
        info = mlflow.onnx.log_model(
            network,
            name="model",
            registered_model_name=os.environ.get("MODEL_NAME", "yolo-detector"),
            signature=infer_signature(numpy.zeros(shape, numpy.float32)),
            pip_requirements=["onnxruntime==1.32.0"],
        )
    return str(info.registered_model_version)


if __name__ == "__main__":
    version = register()
    print(version)
    if file := os.environ.get("GITHUB_OUTPUT"):
        with open(file, "a") as output:
            print(f"version={version}", file=output)
