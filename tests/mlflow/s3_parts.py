"""Transfers in parts by URLs of the store, which the server signs."""

import hashlib
import pathlib
import time

import mlflow
import pytest
import requests
from s3store import objects

CONTENT = b"".join(bytes([i]) * (1 << 20) for i in range(12))  # parts of 5, 5 and 2 MiB


@pytest.fixture
def big(tmp_path):
    path = tmp_path / "big file.bin"
    path.write_bytes(CONTENT)
    return path


def test_up_and_down(experiment, client, big, tmp_path):
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(big), "d é")
        mlflow.log_artifact(str(big))
    stored = objects(f"{experiment.experiment_id}/{run.info.run_id}/artifacts")
    assert set(stored) == {"d é/big file.bin", "big file.bin"}
    assert all(tag.endswith("-3") for tag in stored.values()), f"each came in three parts: {stored}"
    for path in ("d é/big file.bin", "big file.bin"):
        back = pathlib.Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=path, dst_path=str(tmp_path / "back")))
        assert back.read_bytes() == CONTENT
    again = tmp_path / "again"
    again.mkdir()
    (again / "big file.bin").write_bytes(CONTENT[::-1])
    client.log_artifact(run.info.run_id, str(again / "big file.bin"))
    assert pathlib.Path(client.download_artifacts(run.info.run_id, "big file.bin", str(tmp_path))).read_bytes() == CONTENT[::-1]


def test_a_version_of_what_came_in_parts(experiment, client, big):
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(big), "model")
        mlflow.log_text("flavors: {}\n", "model/MLmodel")
    client.create_registered_model("parts")
    client.create_model_version("parts", f"runs:/{run.info.run_id}/model", run.info.run_id)
    file = f"{mlflow.get_tracking_uri()}/model-versions/get-artifact?name=parts&version=1&path=big file.bin"
    deadline = time.monotonic() + 60
    while (frozen := requests.get(file, timeout=30)).status_code == 409 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert frozen.headers["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"' and frozen.content == CONTENT
    big.write_bytes(b"replaced")
    client.log_artifact(run.info.run_id, str(big), "model")
    assert requests.get(file, timeout=30).content == CONTENT


def test_a_small_file_and_an_empty_one(experiment, client, tmp_path):
    for name, content in (("small", b"s"), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "small"))
        mlflow.log_artifact(str(tmp_path / "empty"))
    for name, content in (("small", b"s"), ("empty", b"")):
        assert pathlib.Path(client.download_artifacts(run.info.run_id, name, str(tmp_path / "back"))).read_bytes() == content
