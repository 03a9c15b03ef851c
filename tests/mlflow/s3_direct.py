"""--no-serve-artifacts: the client reads and writes the bucket itself, by boto3
with keys of its own, and the server learns of the files when they are registered."""

import pathlib
import time

import mlflow
import numpy
import requests
from s3store import STORE, objects
from sklearn.linear_model import LinearRegression


def test_files(experiment, client, tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a b 模.txt").write_text("ü")
    (tmp_path / "in" / "big").write_bytes(b"0123456789abcdef" * (1 << 20))
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(tmp_path / "in"), "files")
        mlflow.log_text("hello", "hello.txt")
    assert run.info.artifact_uri == f"{STORE}/{experiment.experiment_id}/{run.info.run_id}/artifacts"
    below = f"{experiment.experiment_id}/{run.info.run_id}/artifacts"
    assert set(objects(below)) == {"files/big", "files/deep/a b 模.txt", "hello.txt"}
    assert [f.path for f in client.list_artifacts(run.info.run_id, "files")] == ["files/big", "files/deep"]
    back = pathlib.Path(client.download_artifacts(run.info.run_id, "files", str(tmp_path)))
    assert (back / "deep" / "a b 模.txt").read_text() == "ü"
    assert (back / "big").read_bytes() == (tmp_path / "in" / "big").read_bytes()
    served = requests.get(f"{mlflow.get_tracking_uri()}/api/2.0/mlflow-artifacts/artifacts/{below}/hello.txt", timeout=30)
    assert served.status_code == 503 and "--no-serve-artifacts" in served.json()["message"]


def test_a_model(experiment, client):
    x = numpy.arange(6.0).reshape(3, 2)
    y = x.sum(axis=1)
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(LinearRegression().fit(x, y), name="model", registered_model_name="direct", pip_requirements=["scikit-learn"])
    assert numpy.allclose(mlflow.pyfunc.load_model("models:/direct/1").predict(x), y)
    assert mlflow.get_logged_model(info.model_id).artifact_location.startswith(STORE + "/")
    file = f"{mlflow.get_tracking_uri()}/model-versions/get-artifact?name=direct&version=1&path=MLmodel"
    deadline = time.monotonic() + 60
    while (frozen := requests.get(file, timeout=30)).status_code == 409 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert frozen.status_code == 200 and frozen.headers["ETag"], "what came past the server is hashed and frozen"
    assert "python_function" in frozen.text
