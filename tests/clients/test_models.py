"""Models: logged, registered, found, loaded, moved and copied."""

import json
import pathlib
import warnings

import mlflow
import numpy
import pandas
import pytest
from conftest import VERSION, named, since
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LinearRegression

warnings.simplefilter("ignore")


class Doubler(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.factor = json.loads(pathlib.Path(context.artifacts["settings"]).read_text())["factor"]

    def predict(self, context, model_input, params=None):
        import helper_of_the_model  # comes by code_paths

        return helper_of_the_model.times(model_input, self.factor)


def uris(info, registered):
    return [info.model_uri, f"models:/{registered}/1", f"models:/{registered}/latest", f"models:/{registered}@champion"]


def test_pyfunc_with_code_and_artifacts(experiment, client, name, tmp_path):
    (tmp_path / "helper_of_the_model.py").write_text("def times(x, n):\n    return x * n\n")
    (tmp_path / "settings.json").write_text('{"factor": 3}')
    x = pandas.DataFrame({"a": [1.0, 2.0]})
    keyword = "code_paths" if VERSION.major >= 3 else "code_path"
    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(
            **named("model"), python_model=Doubler(), artifacts={"settings": str(tmp_path / "settings.json")}, registered_model_name=name,
            signature=mlflow.models.infer_signature(x, x), pip_requirements=["mlflow"], **{keyword: [str(tmp_path / "helper_of_the_model.py")]})
    client.set_registered_model_alias(name, "champion", "1")
    for uri in uris(info, name):
        model = mlflow.pyfunc.load_model(uri)
        assert list(model.predict(x)["a"]) == [3.0, 6.0]
    assert model.metadata.signature.inputs.input_names() == ["a"]
    with pytest.raises(MlflowException, match="missing inputs"):
        model.predict(pandas.DataFrame({"b": [1.0]}))


def test_scikit_learn(experiment, client, name, table):
    x, y = table
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(
            LinearRegression().fit(x, y), **named("model"), registered_model_name=name, input_example=x[:2],
            signature=mlflow.models.infer_signature(x, y), pip_requirements=["scikit-learn"])
    client.set_registered_model_alias(name, "champion", "1")
    for uri in uris(info, name):
        assert numpy.allclose(mlflow.pyfunc.load_model(uri).predict(x), y)
    assert mlflow.sklearn.load_model(info.model_uri).coef_.shape == (2,)
    assert mlflow.models.get_model_info(f"models:/{name}/1").signature == info.signature
    later = mlflow.register_model(f"runs:/{run.info.run_id}/model", name, tags={"stage": "try"})
    assert (later.version, later.run_id) in (("2", run.info.run_id), (2, run.info.run_id))


def test_onnx(experiment, client, name):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(numpy.eye(2, dtype=numpy.float32) * 3, "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])], [weights])
    x = numpy.array([[1.0, 2.0]], dtype=numpy.float32)
    with mlflow.start_run():
        info = mlflow.onnx.log_model(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), **named("model"),
            registered_model_name=name, input_example=x, signature=mlflow.models.infer_signature(x, x), pip_requirements=["onnx", "onnxruntime"],
            onnx_execution_providers=["CPUExecutionProvider"])
    client.set_registered_model_alias(name, "champion", "1")
    for uri in uris(info, name):
        assert mlflow.pyfunc.load_model(uri).predict(x)["y"].tolist() == [[3.0, 6.0]]
    assert onnx.load(pathlib.Path(mlflow.artifacts.download_artifacts(f"models:/{name}/1")) / "model.onnx").graph.name == "linear"


def test_xgboost(experiment, client, name, table):
    xgboost = pytest.importorskip("xgboost")
    x, y = table
    model = xgboost.XGBRegressor(n_estimators=20, max_depth=3).fit(x, y)
    with mlflow.start_run():
        info = mlflow.xgboost.log_model(
            model, **named("model"), registered_model_name=name, input_example=x[:2], signature=mlflow.models.infer_signature(x, y),
            pip_requirements=["xgboost"])
    client.set_registered_model_alias(name, "champion", "1")
    for uri in uris(info, name):
        assert numpy.allclose(mlflow.pyfunc.load_model(uri).predict(x), model.predict(x))


def test_lightgbm(experiment, client, name, table):
    lightgbm = pytest.importorskip("lightgbm")
    x, y = table
    mlflow.lightgbm.autolog(silent=True, log_models=False)
    try:
        with mlflow.start_run() as run:
            model = lightgbm.train({"objective": "regression", "min_data_in_leaf": 2, "verbose": -1}, lightgbm.Dataset(x, y), 20, [lightgbm.Dataset(x, y)])
            info = mlflow.lightgbm.log_model(model, **named("model"), registered_model_name=name, input_example=x[:2], pip_requirements=["lightgbm"])
    finally:
        mlflow.lightgbm.autolog(disable=True)
    assert len(client.get_metric_history(run.info.run_id, "valid_0-l2")) == 20
    assert client.get_run(run.info.run_id).data.params["num_boost_round"] == "20"
    client.set_registered_model_alias(name, "champion", "1")
    for uri in uris(info, name):
        assert numpy.allclose(mlflow.pyfunc.load_model(uri).predict(x), model.predict(x))


def test_autolog_of_scikit_learn(experiment, client, table):
    x, y = table
    mlflow.sklearn.autolog(log_input_examples=True, silent=True)
    try:
        with mlflow.start_run() as run:
            LinearRegression().fit(x, y)
    finally:
        mlflow.sklearn.autolog(disable=True)
    got = client.get_run(run.info.run_id)
    assert got.data.params["fit_intercept"] == "True" and got.data.metrics["training_r2_score"] > 0.99
    assert got.data.tags["estimator_name"] == "LinearRegression"
    assert numpy.allclose(mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict(x), y)


def test_what_evaluate_logs(experiment, client, table):
    x, y = table
    data = pandas.DataFrame(x, columns=["a", "b"]).assign(y=y)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(LinearRegression().fit(data[["a", "b"]], y), **named("model"), pip_requirements=["scikit-learn"])
        result = mlflow.models.evaluate(
            info.model_uri, data, targets="y", model_type="regressor", evaluators=["default"], evaluator_config={"default": {"log_model_explainability": False}})
    assert result.metrics["r2_score"] > 0.99
    got = client.get_run(run.info.run_id)
    assert got.data.metrics["r2_score"] > 0.99 and got.inputs.dataset_inputs


@since("3.0")
def test_logged_models(experiment, client, table):
    x, y = table
    with mlflow.start_run() as run:
        for depth in (1, 2):
            model = mlflow.initialize_logged_model(name=f"m{depth}", params={"depth": str(depth)}, tags={"t": "1"}, model_type="tree")
            mlflow.log_metric("acc", depth / 2, model_id=model.model_id)
            mlflow.finalize_logged_model(model.model_id, "READY")
    best = mlflow.search_logged_models(
        experiment_ids=[experiment.experiment_id], filter_string="metrics.acc > 0.2 AND params.depth = '2' AND model_type = 'tree'",
        order_by=[{"field_name": "metrics.acc", "ascending": False}], output_format="list")
    assert [m.name for m in best] == ["m2"] and best[0].source_run_id == run.info.run_id
    client.set_logged_model_tags(best[0].model_id, {"a/b": "1"})
    client.delete_logged_model_tag(best[0].model_id, "a/b")
    mlflow.log_model_params({"more": "1"}, best[0].model_id)
    assert mlflow.get_logged_model(best[0].model_id).params == {"depth": "2", "more": "1"}
    client.delete_logged_model(best[0].model_id)
    with pytest.raises(MlflowException, match="not found"):
        mlflow.get_logged_model(best[0].model_id)


def test_the_registry_s_whole_surface(experiment, client, name):
    with mlflow.start_run() as run:
        mlflow.log_text("flavors: {}\n", "model/MLmodel")
    source = f"{run.info.artifact_uri}/model"
    client.create_registered_model(name, tags={"a": "1"}, description="first")
    for _ in range(3):
        client.create_model_version(name, source, run.info.run_id, tags={"k": "v"}, description="d")
    client.set_registered_model_tag(name, "b", "2")
    client.delete_registered_model_tag(name, "a")
    client.update_registered_model(name, "second")
    client.set_model_version_tag(name, "2", "x", "y")
    client.delete_model_version_tag(name, "2", "k")
    client.update_model_version(name, "2", "about")
    client.set_registered_model_alias(name, "champion", "2")
    client.transition_model_version_stage(name, "1", "Production")
    client.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    assert client.get_model_version(name, "1").current_stage == "Archived"
    assert {v.version for v in client.get_latest_versions(name, ["Production", "None"])} in ({"2", "3"}, {2, 3})
    assert mlflow.artifacts.load_text(f"models:/{name}/Production/MLmodel").startswith("flavors")
    client.rename_registered_model(name, name + "-new")
    name += "-new"
    model = client.get_registered_model(name)
    assert model.tags == {"b": "2"} and model.description == "second" and {k: str(v) for k, v in model.aliases.items()} == {"champion": "2"}
    version = client.get_model_version_by_alias(name, "champion")
    assert str(version.version) == "2" and version.tags == {"x": "y"} and version.description == "about"
    found = client.search_model_versions(f"name = '{name}' and tags.x = 'y'")
    assert [str(v.version) for v in found] == ["2"]
    assert [m.name for m in client.search_registered_models(f"name ILIKE '{name.upper()}'")] == [name]
    assert client.get_model_version_download_uri(name, "2") == source
    copied = client.copy_model_version(f"models:/{name}/2", name + "-copy")
    assert str(copied.version) == "1" and copied.tags == {"x": "y"}
    assert mlflow.artifacts.load_text(f"models:/{name}-copy/1/MLmodel").startswith("flavors")
    client.delete_registered_model_alias(name, "champion")
    client.delete_model_version(name, "3")
    with pytest.raises(MlflowException, match="not found"):
        client.get_model_version(name, "3")
    client.delete_registered_model(name)
    with pytest.raises(MlflowException, match="not found"):
        client.get_registered_model(name)
    assert str(client.get_model_version(name + "-copy", "1").version) == "1"
