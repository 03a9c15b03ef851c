"""Prompts, which are registered models of a kind, as the stock client works
them."""

import json
import time
import uuid

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from mlflow.genai import load_prompt, register_prompt, search_prompts
from mlflow.prompt.constants import PROMPT_ASSOCIATED_RUN_IDS_TAG_KEY


@pytest.fixture
def name():
    return f"prompt-{uuid.uuid4().hex}"


def test_a_prompt_s_versions(client, experiment, name):
    first = register_prompt(name, "Hello {{who}}", commit_message="first", tags={"tone": "warm"})
    assert (first.version, first.template, first.commit_message, first.tags) == (1, "Hello {{who}}", "first", {"tone": "warm"})
    second = register_prompt(name, [{"role": "user", "content": "{{who}}, hello"}], response_format={"type": "object"})
    assert second.version == 2 and second.variables == {"who"}
    assert load_prompt(name, version=1).format(who="you") == "Hello you"
    assert load_prompt(f"prompts:/{name}/2").format(who="You") == [{"role": "user", "content": "You, hello"}]
    assert load_prompt(f"prompts:/{name}@latest").version == 2
    assert load_prompt(name, version=2).response_format == {"type": "object"}
    assert load_prompt(name, version=7, allow_missing=True) is None
    with pytest.raises(MlflowException, match="not found"):
        load_prompt(name, version=7)
    assert [prompt.version for prompt in client.search_prompt_versions(name)] == [2, 1]
    client.delete_prompt_version(name, "1")
    assert [prompt.version for prompt in client.search_prompt_versions(name)] == [2]


def test_aliases_of_a_prompt(client, name):
    for text in ("one", "two"):
        register_prompt(name, text)
    mlflow.genai.set_prompt_alias(name, "production", 1)
    assert load_prompt(f"prompts:/{name}@production").template == "one"
    mlflow.genai.set_prompt_alias(name, "production", 2)
    assert client.get_prompt_version_by_alias(name, "production").template == "two"
    assert client.get_prompt_version(name, 2).aliases == ["production"]
    mlflow.genai.delete_prompt_alias(name, "production")
    with pytest.raises(MlflowException, match="alias production not found"):
        client.get_prompt_version_by_alias(name, "production")


def test_tags_of_a_prompt(client, name):
    register_prompt(name, "text", tags={"a": "1"})
    mlflow.genai.set_prompt_tag(name, "team", "ml")
    mlflow.genai.set_prompt_version_tag(name, 1, "b", "2")
    assert mlflow.genai.get_prompt_tags(name)["team"] == "ml"
    assert client.get_prompt_version(name, 1).tags == {"a": "1", "b": "2"}
    mlflow.genai.delete_prompt_tag(name, "team")
    mlflow.genai.delete_prompt_version_tag(name, 1, "a")
    assert "team" not in client.get_prompt(name).tags
    assert client.get_prompt_version(name, 1).tags == {"b": "2"}


def test_a_prompt_s_model_config(client, name):
    register_prompt(name, "text", model_config={"model_name": "gpt-4o", "temperature": 0.5})
    assert client.get_prompt_version(name, 1).model_config == {"model_name": "gpt-4o", "temperature": 0.5}
    mlflow.genai.set_prompt_model_config(name, 1, {"model_name": "gpt-5"})
    assert client.get_prompt_version(name, 1).model_config == {"model_name": "gpt-5"}
    mlflow.genai.delete_prompt_model_config(name, 1)
    assert client.get_prompt_version(name, 1).model_config is None


def test_prompts_and_models_are_searched_apart(client, experiment, name):
    register_prompt(name, "text", tags={"kind": name})
    mlflow.genai.set_prompt_tag(name, "group", name)
    client.create_registered_model(f"model-{name}")
    assert [prompt.name for prompt in search_prompts(f"name = '{name}'")] == [name]
    assert [prompt.name for prompt in search_prompts(f"name LIKE '%{name}'")] == [name]
    assert [prompt.name for prompt in search_prompts(f"tags.`group` = '{name}'")] == [name]
    # The client tells of the experiment in a thread of its own.
    late = time.monotonic() + 30
    while [prompt.name for prompt in search_prompts(f"experiment_id = '{experiment.experiment_id}'")] != [name]:
        assert time.monotonic() < late
        time.sleep(0.05)
    assert [model.name for model in client.search_registered_models(f"name LIKE '%{name}'")] == [f"model-{name}"]
    with pytest.raises(MlflowException, match="already exists"):
        client.create_registered_model(name)
    with pytest.raises(MlflowException, match="[Mm]odel"):
        register_prompt(f"model-{name}", "text")


def test_a_prompt_of_a_run_and_of_a_model(client, experiment, name):
    prompt = register_prompt(name, "text")
    with mlflow.start_run() as run:
        client.link_prompt_version_to_run(run.info.run_id, prompt)
    model = mlflow.create_external_model("m")
    client.link_prompt_version_to_model(name, "1", model.model_id)
    linked = [{"name": name, "version": "1"}]
    assert json.loads(mlflow.get_run(run.info.run_id).data.tags["mlflow.linkedPrompts"]) == linked
    assert json.loads(mlflow.get_logged_model(model.model_id).tags["mlflow.linkedPrompts"]) == linked
    # As clients before 3.0 did it.
    client.set_prompt_version_tag(name, 1, PROMPT_ASSOCIATED_RUN_IDS_TAG_KEY, run.info.run_id)
    assert [found.uri for found in client.list_logged_prompts(run.info.run_id)] == [prompt.uri]
    client.detach_prompt_from_run(run.info.run_id, prompt.uri)
    assert client.list_logged_prompts(run.info.run_id) == []


def test_a_prompt_is_deleted_with_its_versions(client, name):
    register_prompt(name, "text")
    client.delete_prompt(name)
    assert client.get_prompt(name) is None
    assert load_prompt(name, version=1, allow_missing=True) is None
    assert register_prompt(name, "anew").version == 1
