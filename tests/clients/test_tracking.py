"""Runs, as a person who trains models makes them."""

import concurrent.futures
import json
import pathlib
import time

import matplotlib
import mlflow
import numpy
import pandas
import pytest
from conftest import since
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

matplotlib.use("Agg")


def test_a_training_run(experiment, client):
    with mlflow.start_run(run_name="parent", tags={"team": "a"}) as parent:
        mlflow.log_params({f"p{i}": i for i in range(120)})
        mlflow.log_metrics({f"m{i}": float(i) for i in range(1100)})
        for step in range(3):
            with mlflow.start_run(nested=True, run_name=f"child{step}") as child:
                mlflow.log_metric("loss", 1 / (step + 1), step=step)
                mlflow.log_metric("nan", float("nan"))
    got = client.get_run(parent.info.run_id)
    assert got.info.status == "FINISHED" and got.data.tags["team"] == "a"
    assert len(got.data.params) == 120 and got.data.metrics["m1099"] == 1099
    assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    found = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}' and metrics.loss < 0.9", order_by=["metrics.loss ASC"])
    assert list(found["tags.mlflow.runName"]) == ["child2", "child1"]
    client.delete_run(child.info.run_id)
    assert len(client.search_runs([experiment.experiment_id], run_view_type=ViewType.DELETED_ONLY)) == 1
    client.restore_run(child.info.run_id)
    client.update_run(child.info.run_id, status="KILLED", name="again")
    assert client.get_run(child.info.run_id).info.run_name == "again"


def test_a_long_history(experiment, client):
    run = client.create_run(experiment.experiment_id).info.run_id
    for first in range(0, 3000, 1000):
        client.log_batch(run, [Metric("x", i / 7, i, i) for i in range(first, first + 1000)])
    client.log_batch(run, params=[Param("a", "1")], tags=[RunTag("t", "x" * 5000)])
    assert [m.value for m in client.get_metric_history(run, "x")] == [i / 7 for i in range(3000)]
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_param(run, "a", "2")
    client.set_terminated(run, "FAILED")
    assert client.get_run(run).info.status == "FAILED"


def test_a_batch_of_long_values(experiment, client):
    run = client.create_run(experiment.experiment_id).info.run_id
    client.log_batch(run, params=[Param(f"p{i}", "v" * 5900) for i in range(100)], tags=[RunTag(f"t{i}", "v" * 4900) for i in range(100)])
    assert len(client.get_run(run).data.params["p99"]) in (5900, 6000)


def test_artifacts_of_each_kind(experiment, client, tmp_path):
    import matplotlib.pyplot as plot

    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a b.txt").write_text("ü")
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(tmp_path / "in"), "files")
        mlflow.log_text("hello", "t/hello.txt")
        mlflow.log_dict({"a": [1, 2]}, "d.yaml")
        figure, axes = plot.subplots()
        axes.plot([1, 2, 3])
        mlflow.log_figure(figure, "f.png")
        mlflow.log_image(numpy.zeros((8, 8, 3), dtype=numpy.uint8), "i.png")
        mlflow.log_table({"q": ["a", "b"], "n": [1, 2]}, "table.json")
        mlflow.log_table({"q": ["c"], "n": [3]}, "table.json")
    assert {f.path for f in client.list_artifacts(run.info.run_id)} >= {"files", "t", "d.yaml", "f.png", "i.png", "table.json"}
    assert [f.path for f in client.list_artifacts(run.info.run_id, "files/deep")] == ["files/deep/a b.txt"]
    back = pathlib.Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="files", dst_path=str(tmp_path / "out")))
    assert (back / "deep" / "a b.txt").read_text() == "ü"
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/t/hello.txt") == "hello"
    assert mlflow.artifacts.load_image(f"{run.info.artifact_uri}/i.png").size == (8, 8)
    table = mlflow.load_table("table.json", run_ids=[run.info.run_id], extra_columns=["run_id"])
    assert list(table.n) == [1, 2, 3] and set(table.run_id) == {run.info.run_id}
    assert json.loads(client.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"])[0]["path"] == "table.json"


def test_what_a_run_read(experiment, client):
    data = mlflow.data.from_pandas(pandas.DataFrame({"x": [1, 2], "y": [0, 1]}), name="points", targets="y")
    with mlflow.start_run() as run:
        mlflow.log_input(data, context="train")
        mlflow.log_input(data, context="train")
    inputs = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert [i.dataset.name for i in inputs] == ["points"] and inputs[0].tags[0].value == "train"
    assert "colspec" in inputs[0].dataset.schema
    assert len(mlflow.search_runs(filter_string="dataset.name = 'points' and dataset.context = 'train'")) == 1


def test_200_threads_log_to_one_run(experiment, client):
    run = client.create_run(experiment.experiment_id).info.run_id

    def log(i):
        client.log_metric(run, "all", i, step=i)
        client.log_param(run, f"p{i}", i)
        client.set_tag(run, "last", i)

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        list(pool.map(log, range(200)))
    got = client.get_run(run)
    assert len(got.data.params) == 200 and int(got.data.tags["last"]) < 200
    assert sorted(m.step for m in client.get_metric_history(run, "all")) == list(range(200))


@since("2.11")
def test_logged_asynchronously(experiment, client):
    with mlflow.start_run() as run:
        for step in range(300):
            mlflow.log_metric("m", step, step=step, synchronous=False)
        mlflow.log_params({"a": 1, "b": 2}, synchronous=False)
        mlflow.flush_async_logging()
    assert len(client.get_metric_history(run.info.run_id, "m")) == 300
    assert client.get_run(run.info.run_id).data.params == {"a": "1", "b": "2"}


def test_system_metrics(experiment, client):
    mlflow.set_system_metrics_sampling_interval(1)
    mlflow.set_system_metrics_samples_before_logging(1)
    with mlflow.start_run(log_system_metrics=True) as run:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and "system/cpu_utilization_percentage" not in client.get_run(run.info.run_id).data.metrics:
            time.sleep(0.2)
    metrics = client.get_run(run.info.run_id).data.metrics
    assert metrics["system/cpu_utilization_percentage"] >= 0 and "system/system_memory_usage_megabytes" in metrics


def test_an_experiment_s_life(client, name):
    made = client.create_experiment(name, tags={"a": "1"})
    client.set_experiment_tag(made, "b", "2")
    client.rename_experiment(made, name + "x")
    assert [e.experiment_id for e in client.search_experiments(filter_string=f"name LIKE '{name[:20]}%' AND tags.b = '2'")] == [made]
    client.delete_experiment(made)
    with pytest.raises(MlflowException, match="non-active experiment") as refused:
        client.rename_experiment(made, "y")
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    with pytest.raises(MlflowException, match="deleted"):
        mlflow.set_experiment(name + "x")
    client.restore_experiment(made)
    assert mlflow.set_experiment(name + "x").experiment_id == made
