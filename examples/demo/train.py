"""What a data scientist's training job does, with the stock MLflow client. The
detectors are trained already; it logs them as a job would."""

import contextlib
import io
import json
import pathlib
import tempfile

import mlflow
import numpy
import onnx
from mlflow.models import infer_signature

from server import ROOT

SHAPES = ROOT / "tests" / "data" / "shapes"
MODEL = "shapes-detector"


def register(name: str, epochs: int) -> str:
    """Logs one detector in a run, registers it, and gives its version."""
    measured = json.loads((SHAPES / f"{name}.reference.json").read_text())["pycocotools"]
    example = numpy.random.default_rng(1).random((1, 3, 160, 160), dtype=numpy.float32)
    quiet = contextlib.redirect_stderr(io.StringIO())  # the client tells what it does; so does the demo
    with quiet, mlflow.start_run(run_name=name):
        mlflow.log_params({"epochs": epochs, "imgsz": 160})
        mlflow.log_metrics({key: measured[key] for key in ("map50", "map50_95")})
        info = mlflow.onnx.log_model(
            onnx.load(SHAPES / f"{name}.onnx"),
            name="model",
            registered_model_name=MODEL,
            signature=infer_signature(example, numpy.zeros((1, 8, 500), numpy.float32)),
            input_example=example,
            onnx_execution_providers=["CPUExecutionProvider"],
            pip_requirements=[f"onnx=={onnx.__version__}", "onnxruntime==1.32.0"],
        )
    return str(info.registered_model_version)


def bytes_of(model: str) -> bytes:
    """The bytes behind models:/MODEL, as every client loads them."""
    with tempfile.TemporaryDirectory() as folder:
        mlflow.artifacts.download_artifacts(f"models:/{model}", dst_path=folder)
        return next(pathlib.Path(folder).rglob("*.onnx")).read_bytes()
