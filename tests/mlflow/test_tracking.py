"""Experiments, runs, params, metrics, tags, inputs and searches, as a person
who trains models uses them."""

import math
import multiprocessing
import os
import uuid

import mlflow
import numpy
import pytest
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException


def test_a_training_run(experiment, client):
    with mlflow.start_run(run_name="r1", tags={"team": "a"}, description="first") as run:
        mlflow.log_params({"lr": 0.1, "layers": [1, 2], "empty": ""})
        mlflow.log_metric("acc", 0.5, step=1)
        mlflow.log_metrics({"acc": 0.75, "loss": float("nan")}, step=2)
        mlflow.set_tags({"k": "v", "e": ""})
    got = client.get_run(run.info.run_id)
    assert got.info.status == "FINISHED" and got.info.run_name == "r1"
    assert got.info.artifact_uri == f"mlflow-artifacts:/{experiment.experiment_id}/{run.info.run_id}/artifacts"
    assert got.data.params == {"lr": "0.1", "layers": "[1, 2]", "empty": ""}
    assert got.data.metrics["acc"] == 0.75 and math.isnan(got.data.metrics["loss"])
    assert got.data.tags["k"] == "v" and got.data.tags["e"] == "" and got.data.tags["team"] == "a"
    assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "acc")] == [(1, 0.5), (2, 0.75)]


def test_a_run_is_resumed_failed_and_nested(experiment, client):
    with mlflow.start_run() as parent:
        with mlflow.start_run(nested=True) as child:
            pass
    assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    with pytest.raises(ZeroDivisionError):
        with mlflow.start_run(run_id=child.info.run_id):
            1 / 0
    assert client.get_run(child.info.run_id).info.status == "FAILED"
    client.delete_run(child.info.run_id)
    assert client.get_run(child.info.run_id).info.lifecycle_stage == "deleted"
    client.restore_run(child.info.run_id)
    client.update_run(child.info.run_id, name="again", status="KILLED")
    assert client.get_run(child.info.run_id).info.run_name == "again"


def test_big_batches_are_split_by_the_client(experiment, client):
    with mlflow.start_run() as run:
        mlflow.log_params({f"p{i}": i for i in range(250)})
        mlflow.log_metrics({f"m{i}": float(i) for i in range(2500)})
        client.log_batch(run.info.run_id, [Metric("x", i / 7, 1, i) for i in range(3000)], [Param("q", "1")], [RunTag("t", "1")])
    got = client.get_run(run.info.run_id)
    assert len(got.data.params) == 251 and len(got.data.metrics) == 2501
    history = client.get_metric_history(run.info.run_id, "x")
    assert [m.value for m in history] == [i / 7 for i in range(3000)]


def test_metrics_are_logged_asynchronously(experiment, client):
    with mlflow.start_run() as run:
        for step in range(200):
            mlflow.log_metric("m", step, step=step, synchronous=False)
        mlflow.flush_async_logging()
    assert len(client.get_metric_history(run.info.run_id, "m")) == 200


def test_a_param_is_written_once(experiment):
    with mlflow.start_run():
        mlflow.log_param("depth", 3)
        mlflow.log_param("depth", 3)
        with pytest.raises(MlflowException, match="Changing param values is not allowed") as refusal:
            mlflow.log_param("depth", 5)
        assert "The cause of this error is typically due to repeated calls" in str(refusal.value)


def test_inputs_and_outputs(experiment, client):
    data = mlflow.data.from_numpy(numpy.zeros((3, 2)), name="zeros")
    with mlflow.start_run() as run:
        mlflow.log_input(data, context="train")
        model = mlflow.initialize_logged_model(name="m", params={"a": "1"}, tags={"t": "1"})
        mlflow.log_metric("acc", 0.9, model_id=model.model_id, dataset=data)
        mlflow.finalize_logged_model(model.model_id, "READY")
    got = client.get_run(run.info.run_id)
    assert got.inputs.dataset_inputs[0].dataset.name == "zeros"
    assert got.inputs.dataset_inputs[0].tags[0].value == "train"
    logged = mlflow.get_logged_model(model.model_id)
    assert logged.status == "READY" and logged.params == {"a": "1"} and logged.metrics[0].dataset_name == "zeros"
    found = mlflow.search_logged_models(
        experiment_ids=[experiment.experiment_id], filter_string="metrics.acc > 0.5 AND name = 'm'",
        order_by=[{"field_name": "metrics.acc", "ascending": False}], output_format="list")
    assert [m.model_id for m in found] == [model.model_id]
    runs = mlflow.search_runs(filter_string="datasets.name = 'zeros' AND datasets.context = 'train'")
    assert list(runs.run_id) == [run.info.run_id]


def test_runs_are_found_by_a_metric(experiment):
    for value in (0.1, 0.5, 0.9):
        with mlflow.start_run(run_name=f"r{value}"):
            mlflow.log_metric("val/acc", value)
            mlflow.log_param("q", "it's")
    found = mlflow.search_runs(filter_string="metrics.`val/acc` > 0.2 AND params.q = \"it's\"", order_by=["metrics.`val/acc` DESC"])
    assert list(found["metrics.val/acc"]) == [0.9, 0.5]
    assert len(mlflow.search_runs(max_results=1)) == 1
    with pytest.raises(MlflowException, match="metrics.`val/acc`"):
        mlflow.search_runs(filter_string="metrics.val/acc > 0.2")


def test_runs_are_found_page_by_page(experiment, client):
    for _ in range(7):
        client.create_run(experiment.experiment_id)
    seen, token = [], None
    while True:
        page = client.search_runs([experiment.experiment_id], max_results=3, page_token=token)
        seen += [r.info.run_id for r in page]
        token = page.token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 7


def test_experiments_live_and_die(client):
    name = f"e-{uuid.uuid4().hex}"
    made = client.create_experiment(name, tags={"a": "1"})
    client.set_experiment_tag(made, "b", "2")
    assert client.get_experiment(made).tags == {"a": "1", "b": "2"}
    client.delete_experiment_tag(made, "b")
    assert [e.name for e in client.search_experiments(filter_string=f"tags.a = '1' AND name LIKE '{name[:12]}%'")] == [name]
    client.rename_experiment(made, name + "x")
    client.delete_experiment(made)
    assert [e.name for e in client.search_experiments(ViewType.DELETED_ONLY, filter_string=f"name = '{name}x'")] == [name + "x"]
    with pytest.raises(MlflowException, match="deleted"):
        mlflow.set_experiment(name + "x")
    client.restore_experiment(made)
    with pytest.raises(MlflowException, match="already exists"):
        client.create_experiment(name + "x")


def set_experiment(name):
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    return mlflow.set_experiment(name).experiment_id


def test_processes_set_one_new_experiment_at_once():
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        ids = pool.map(set_experiment, [f"raced-{uuid.uuid4().hex}"] * 8)
    assert len(set(ids)) == 1
