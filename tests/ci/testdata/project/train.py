"""Trains a detector, as far as this repository is concerned, and registers it."""

import os

import mlflow
import numpy
import onnx
from mlflow.models import infer_signature


def train() -> onnx.ModelProto:
    return onnx.load("detector.onnx")


def register() -> str:
    mlflow.set_experiment("ci")
    with mlflow.start_run():
        mlflow.log_metric("map50", 0.857)
        info = mlflow.onnx.log_model(
            train(),
            name="model",
            registered_model_name=os.environ["MODEL"],
            signature=infer_signature(numpy.zeros((1, 3, 160, 160), numpy.float32)),
            pip_requirements=["onnxruntime==1.32.0"],
        )
    return str(info.registered_model_version)


if __name__ == "__main__":
    version = register()
    with open(os.environ["GITHUB_OUTPUT"], "a") as output:
        print(f"version={version}", file=output)
