"""The mlflow command lines that speak to a server."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import mlflow
import pandas
from click.testing import CliRunner
from conftest import named
from mlflow.cli import cli
from sklearn.linear_model import LinearRegression


def mlflow_command(*args):
    result = CliRunner().invoke(cli, list(args), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_experiments_and_runs(client, name, tmp_path):
    assert "Created experiment" in mlflow_command("experiments", "create", "--experiment-name", name)
    made = client.get_experiment_by_name(name).experiment_id
    assert name in mlflow_command("experiments", "search")
    mlflow_command("experiments", "rename", "--experiment-id", made, "--new-name", name + "x")
    with mlflow.start_run(experiment_id=made, run_name="by-command") as run:
        mlflow.log_param("a", 1)
    run_id = run.info.run_id
    assert run_id in mlflow_command("runs", "list", "--experiment-id", made)
    assert json.loads(mlflow_command("runs", "describe", "--run-id", run_id))["data"]["params"] == {"a": "1"}
    mlflow_command("experiments", "csv", "--experiment-id", made, "--filename", str(tmp_path / "runs.csv"))
    assert list(pandas.read_csv(tmp_path / "runs.csv")["params.a"]) == [1]
    mlflow_command("runs", "delete", "--run-id", run_id)
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    mlflow_command("runs", "restore", "--run-id", run_id)
    mlflow_command("experiments", "delete", "--experiment-id", made)
    mlflow_command("experiments", "restore", "--experiment-id", made)
    assert client.get_run(run_id).info.lifecycle_stage == "active"


def test_artifacts(client, experiment, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a b.txt").write_text("a")
    run_id = client.create_run(experiment.experiment_id).info.run_id
    mlflow_command("artifacts", "log-artifact", "--local-file", str(tmp_path / "in" / "a b.txt"), "--run-id", run_id, "--artifact-path", "one")
    mlflow_command("artifacts", "log-artifacts", "--local-dir", str(tmp_path / "in"), "--run-id", run_id, "--artifact-path", "all")
    assert [f["path"] for f in json.loads(mlflow_command("artifacts", "list", "--run-id", run_id))] == ["all", "one"]
    mlflow_command("artifacts", "download", "--run-id", run_id, "--artifact-path", "all", "--dst-path", str(tmp_path / "out"))
    assert (tmp_path / "out" / "all" / "a b.txt").read_text() == "a"


def test_models_predict(client, experiment, name, table, tmp_path):
    x, y = table
    frame = pandas.DataFrame(x, columns=["a", "b"])
    with mlflow.start_run():
        mlflow.sklearn.log_model(LinearRegression().fit(frame, y), **named("model"), registered_model_name=name, pip_requirements=["scikit-learn"])
    frame[:2].to_csv(tmp_path / "in.csv", index=False)
    subprocess.run(
        [sys.executable, "-m", "mlflow", "models", "predict", "--model-uri", f"models:/{name}/1", "--env-manager", "local", "--content-type", "csv",
         "--input-path", str(tmp_path / "in.csv"), "--output-path", str(tmp_path / "out.json")],
        check=True, env=os.environ, timeout=120)
    answer = json.loads((tmp_path / "out.json").read_text())
    predicted = answer["predictions"] if isinstance(answer, dict) else answer
    assert [round(p, 6) for p in predicted] == [round(v, 6) for v in y[:2]]


def test_models_serve(client, experiment, name, table):
    x, y = table
    frame = pandas.DataFrame(x, columns=["a", "b"])
    with mlflow.start_run():
        mlflow.sklearn.log_model(LinearRegression().fit(frame, y), **named("model"), registered_model_name=name, pip_requirements=["scikit-learn"])
    client.set_registered_model_alias(name, "champion", "1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"PATH": str(pathlib.Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]}
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", f"models:/{name}@champion", "--env-manager", "local", "--port", str(port),
         "--workers", "1"],
        env=env, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", server)
        asked = json.dumps({"dataframe_split": frame[:2].to_dict(orient="split")}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", asked, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            predicted = json.load(answer)["predictions"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    assert [round(p, 6) for p in predicted] == [round(v, 6) for v in y[:2]]


def wait_for(url, server):
    deadline = time.monotonic() + 180
    while True:
        try:
            return urllib.request.urlopen(url, timeout=10).close()
        except OSError:
            assert server.poll() is None and time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.2)
