"""Models and artifacts, as the stock client logs, registers and loads them."""

import hashlib
import json
import os
import pathlib
import uuid

import mlflow
import numpy
import onnx
import pytest
from mlflow.exceptions import MlflowException
from onnx import TensorProto, helper, numpy_helper


def linear(factor):
    """y = factor * x, for rows of two numbers."""
    weights = numpy_helper.from_array(numpy.eye(2, dtype=numpy.float32) * numpy.float32(factor), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])], [weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def name():
    return f"model-{uuid.uuid4().hex}"


def log(model, registered=None):
    x = numpy.array([[1.0, 2.0]], dtype=numpy.float32)
    return mlflow.onnx.log_model(
        model, name="model", registered_model_name=registered, pip_requirements=["onnx", "onnxruntime"],
        onnx_execution_providers=["CPUExecutionProvider"],
        signature=mlflow.models.infer_signature(x, x))


def test_the_recorded_session(experiment, client):
    registered = name()
    with mlflow.start_run(run_name="r1") as run:
        mlflow.log_params({"a": 1})
        mlflow.log_metric("acc", 0.5, step=1)
        mlflow.log_dict({"x": [1, "ü"]}, "d/x.json")
        info = log(linear(3), registered)
        data = mlflow.data.from_numpy(numpy.zeros((3, 2)), name="zeros")
        mlflow.log_input(data, context="train")
    client.set_registered_model_alias(registered, "champion", 1)
    version = client.get_model_version(registered, "1")
    assert version.status == "READY" and version.run_id == run.info.run_id
    assert client.get_run(run.info.run_id).outputs.model_outputs[0].model_id == info.model_id
    logged = mlflow.get_logged_model(info.model_id)
    assert logged.status == "READY" and logged.params == {"a": "1"}
    assert json.loads(logged.tags["mlflow.modelVersions"])[0] == {"name": registered, "version": 1}
    assert mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/d/x.json") == {"x": [1, "ü"]}
    x = numpy.array([[1.0, 2.0]], dtype=numpy.float32)
    for uri in (f"models:/{registered}@champion", f"models:/{registered}/1", f"models:/{registered}/latest", info.model_uri):
        assert mlflow.pyfunc.load_model(uri).predict(x)["y"].tolist() == [[3.0, 6.0]]
    assert client.get_registered_model(registered).aliases == {"champion": "1"}


def test_a_model_loads_back_byte_for_byte(experiment, tmp_path):
    registered = name()
    with mlflow.start_run():
        info = log(linear(5), registered)
    here = {}
    for uri in (info.model_uri, f"models:/{registered}/1"):
        folder = pathlib.Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(tmp_path / uuid.uuid4().hex)))
        files = {f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest()
                 for f in folder.rglob("*") if f.is_file() and f.name != "registered_model_meta"}
        here[uri] = files
    first, second = here.values()
    assert first == second and "model.onnx" in first
    assert onnx.load(folder / "model.onnx").graph.initializer[0].name == "w"


def test_a_run_s_model_is_registered_later(experiment, client):
    registered = name()
    with mlflow.start_run() as run:
        log(linear(2))
    version = mlflow.register_model(f"runs:/{run.info.run_id}/model", registered, tags={"stage": "try"})
    assert version.version == "1"
    client.update_model_version(registered, "1", description="the first")
    client.set_model_version_tag(registered, "1", "k", "v")
    got = client.get_model_version(registered, "1")
    assert got.description == "the first" and got.tags == {"stage": "try", "k": "v"}
    assert [v.version for v in client.search_model_versions(f"name = '{registered}'")] == ["1"]
    assert [m.name for m in client.search_registered_models(f"name LIKE '{registered[:20]}%'")] == [registered]
    client.set_registered_model_alias(registered, "a", "1")
    client.delete_registered_model_alias(registered, "a")
    with pytest.raises(MlflowException, match="alias a not found"):
        client.get_model_version_by_alias(registered, "a")
    client.delete_model_version(registered, "1")
    with pytest.raises(MlflowException, match="not found"):
        client.get_model_version(registered, "1")


def test_artifacts_of_a_run(experiment, client, tmp_path):
    odd = ["a b.txt", "100%.txt", "模.txt", "img%step%1.png", "deep/er/x.bin"]
    for file in odd:
        path = tmp_path / "up" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(1000))
    (tmp_path / "up" / "empty").touch()
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(tmp_path / "up"), "files")
        mlflow.log_artifact(str(tmp_path / "up" / odd[0]))
        mlflow.log_text("hello", "t.txt")
    listed = sorted(f.path for f in client.list_artifacts(run.info.run_id, "files"))
    assert listed == sorted(["files/deep", "files/empty"] + [f"files/{f}" for f in odd if "/" not in f])
    assert client.list_artifacts(run.info.run_id, "nothing") == []
    back = pathlib.Path(client.download_artifacts(run.info.run_id, "files", str(tmp_path)))
    for file in odd:
        assert (back / file).read_bytes() == (tmp_path / "up" / file).read_bytes()
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/t.txt") == "hello"
