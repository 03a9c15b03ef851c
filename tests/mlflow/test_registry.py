"""The registry, as the stock client works it."""

import concurrent.futures
import uuid
import warnings

import mlflow
import pytest
from mlflow.exceptions import MlflowException


def name():
    return f"model-{uuid.uuid4().hex}"


@pytest.fixture
def run(experiment):
    """A run that holds a model as clients before 3.0 logged it."""
    with mlflow.start_run() as run:
        mlflow.log_text("flavors: {}\n", "model/MLmodel")
    return run.info


@pytest.fixture
def registered(client, run):
    """A registered model with two versions of the run's model."""
    model = client.create_registered_model(name(), tags={"a": "1"}, description="first")
    for _ in range(2):
        client.create_model_version(model.name, f"{run.artifact_uri}/model", run.run_id)
    return model.name


def test_a_registered_model_s_life(client, registered):
    with pytest.raises(MlflowException, match="already exists") as taken:
        client.create_registered_model(registered)
    assert taken.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.set_registered_model_tag(registered, "b", "2")
    client.delete_registered_model_tag(registered, "a")
    client.set_registered_model_alias(registered, "champion", "2")
    assert client.update_registered_model(registered, "second").description == "second"
    renamed = name()
    client.rename_registered_model(registered, renamed)
    model = client.get_registered_model(renamed)
    assert model.tags == {"b": "2"} and model.aliases == {"champion": "2"} and model.description == "second"
    assert client.get_model_version_by_alias(renamed, "champion").version == "2"
    assert client.get_model_version_by_alias(renamed, "latest").version == "2"
    with pytest.raises(MlflowException, match="not found"):
        client.get_registered_model(registered)
    client.delete_registered_model(renamed)
    with pytest.raises(MlflowException, match="not found") as gone:
        client.get_model_version(renamed, "1")
    assert gone.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_version_is_copied_with_its_files(client, registered, run, tmp_path):
    client.set_model_version_tag(registered, "1", "k", "v")
    client.update_model_version(registered, "1", "about")
    target = name()
    copied = client.copy_model_version(f"models:/{registered}/1", target)
    assert (copied.name, copied.version, copied.run_id) == (target, "1", run.run_id)
    assert copied.tags == {"k": "v"} and copied.description == "about" and copied.source == f"models:/{registered}/1"
    again = client.copy_model_version(f"models:/{target}/1", target)
    assert again.version == "2"
    for version in ("1", "2"):
        assert client.get_model_version_download_uri(target, version) == f"{run.artifact_uri}/model"
    folder = mlflow.artifacts.download_artifacts(f"models:/{target}/2", dst_path=str(tmp_path))
    with open(f"{folder}/MLmodel") as file:
        assert file.read() == "flavors: {}\n"


def test_stages_of_older_clients(client, registered):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        client.transition_model_version_stage(registered, "1", "Production")
        moved = client.transition_model_version_stage(registered, "2", "production", archive_existing_versions=True)
        assert moved.current_stage == "Production"
        assert client.get_model_version(registered, "1").current_stage == "Archived"
        assert [v.version for v in client.get_latest_versions(registered, ["Production"])] == ["2"]
        with pytest.raises(MlflowException, match="Archived"):
            client.transition_model_version_stage(registered, "2", "Live")
    assert {v.version for v in client.get_registered_model(registered).latest_versions} == {"1", "2"}


def test_registered_from_many_threads(client, run):
    model = name()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda _: mlflow.register_model(f"runs:/{run.run_id}/model", model).version, range(16)))
    assert sorted(map(int, versions)) == list(range(1, 17))
    first = client.search_model_versions(f"name = '{model}'", max_results=10, order_by=["version_number ASC"])
    rest = client.search_model_versions(f"name = '{model}'", max_results=10, order_by=["version_number ASC"], page_token=first.token)
    assert [int(v.version) for v in [*first, *rest]] == list(range(1, 17)) and not rest.token
    assert {v.run_id for v in client.search_model_versions(f"run_id = '{run.run_id}'")} == {run.run_id}


def test_a_source_outside_its_run_is_refused(client, registered, run):
    for source in ("file:///etc", "/etc", f"{run.artifact_uri}/../x", "mlflow-artifacts:/0/x"):
        with pytest.raises(MlflowException, match="Invalid model version source") as refused:
            client.create_model_version(registered, source, run.run_id)
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_prompts_are_kept_apart(client, registered):
    prompt = mlflow.genai.register_prompt(name=name(), template="Hello {{who}}", commit_message="first")
    mlflow.genai.set_prompt_alias(prompt.name, "live", 1)
    assert mlflow.genai.load_prompt(f"prompts:/{prompt.name}@live").format(who="you") == "Hello you"
    models = {m.name for m in client.search_registered_models()}
    assert registered in models and prompt.name not in models
    assert prompt.name in {p.name for p in mlflow.genai.search_prompts()}
