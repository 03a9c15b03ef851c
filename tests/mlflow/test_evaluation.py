"""Evaluation datasets, issues and scorers, as the stock client works them."""

import json
import uuid

import mlflow
import pandas as pd
import pytest
from mlflow.entities import AssessmentSource, AssessmentSourceType, IssueReference
from mlflow.entities.issue import IssueSeverity, IssueStatus
from mlflow.exceptions import MlflowException
from mlflow.genai import delete_scorer, get_scorer, list_scorers, make_judge
from mlflow.genai.datasets import (
    add_dataset_to_experiments,
    create_dataset,
    delete_dataset,
    delete_dataset_tag,
    get_dataset,
    remove_dataset_from_experiments,
    search_datasets,
    set_dataset_tags,
)
from mlflow.genai.scorers import RelevanceToQuery, ScorerSamplingConfig


def name():
    return f"d-{uuid.uuid4().hex}"


@pytest.fixture
def dataset(experiment):
    """A dataset in the current experiment."""
    return create_dataset(name(), tags={"team": "ml", "priority": 1})


def test_a_dataset_s_life(client, dataset, experiment):
    assert dataset.experiment_ids == [experiment.experiment_id]
    assert dataset.tags["team"] == "ml" and dataset.tags["priority"] == "1"
    assert dataset.created_by == dataset.tags["mlflow.user"]
    set_dataset_tags(dataset.dataset_id, {"team": None, "status": "done"})
    delete_dataset_tag(dataset.dataset_id, "priority")
    again = get_dataset(name=dataset.name)
    assert again.dataset_id == dataset.dataset_id
    assert again.tags == {"status": "done", "mlflow.user": dataset.created_by}
    other = client.create_experiment(name())
    assert set(add_dataset_to_experiments(dataset.dataset_id, [other]).experiment_ids) == {experiment.experiment_id, other}
    assert remove_dataset_from_experiments(dataset.dataset_id, [other, experiment.experiment_id]).experiment_ids == []
    assert get_dataset(dataset_id=dataset.dataset_id).experiment_ids == []
    delete_dataset(dataset_id=dataset.dataset_id)
    with pytest.raises(MlflowException, match="not found"):
        get_dataset(dataset_id=dataset.dataset_id)


def test_records_are_merged_by_their_inputs(client, dataset):
    dataset.merge_records([
        {"inputs": {"question": "What?", "deep": {"a": [1, 2.5, None, True]}}, "expectations": {"answer": "that"}},
        {"inputs": {"question": "Who?"}},
    ])
    frame = pd.DataFrame([{"inputs": {"question": "Who?"}, "expectations": {"answer": "me"}, "tags": {"level": "hard"}}])
    dataset.merge_records(frame)
    found = client.get_dataset(dataset.dataset_id)
    records = {record.inputs["question"]: record for record in found.records}
    assert records["What?"].inputs["deep"] == {"a": [1, 2.5, None, True]}
    assert records["What?"].source.source_type.value == "HUMAN"
    assert records["Who?"].expectations == {"answer": "me"} and records["Who?"].tags["level"] == "hard"
    assert records["Who?"].source.source_type.value == "CODE"
    assert json.loads(found.profile) == {"num_records": 2}
    assert json.loads(found.schema)["inputs"] == {"question": "string", "deep": "object"}
    assert found.digest != dataset.digest and found.last_updated_by == dataset.created_by
    assert len(found.to_df()) == 2
    with pytest.raises(MlflowException, match="Cannot mix granularities"):
        found.merge_records([{"inputs": {"goal": "to mix"}}])
    assert found.delete_records([records["What?"].dataset_record_id]) == 1
    assert [record.inputs["question"] for record in client.get_dataset(dataset.dataset_id).records] == ["Who?"]


def test_many_records_come_in_pages(client, dataset):
    dataset.merge_records([{"inputs": {"n": n}} for n in range(2500)])
    assert [record.inputs["n"] for record in client.get_dataset(dataset.dataset_id).records] == list(range(2500))


def test_a_dataset_is_a_run_s_input(dataset):
    with mlflow.start_run() as run:
        mlflow.log_input(get_dataset(dataset_id=dataset.dataset_id), context="evaluation")
    (given,) = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    assert given.dataset.name == dataset.name and given.dataset.digest == dataset.digest


def test_datasets_are_searched(experiment):
    names = [name() for _ in range(3)]
    for i, each in enumerate(names):
        create_dataset(each, tags={"kind": "even" if i % 2 == 0 else "odd"})
    found = search_datasets(experiment_ids=experiment.experiment_id, order_by=["created_time ASC"])
    assert [dataset.name for dataset in found] == names
    found = search_datasets(experiment_ids=[experiment.experiment_id], filter_string="tags.kind = 'even' AND name LIKE 'd-%'", max_results=1)
    assert [dataset.name for dataset in found] == [names[2]]


def test_issues(client, experiment):
    store = client._tracking_client.store
    made = store.create_issue(
        experiment.experiment_id, "slow", "it takes long", severity=IssueSeverity.HIGH, root_causes=["disk"], categories=["latency"], created_by="ann"
    )
    assert store.get_issue(made.issue_id) == made
    assert made.status == IssueStatus.PENDING and made.root_causes == ["disk"]
    store.create_issue(experiment.experiment_id, "odd", "it is odd")
    changed = store.update_issue(made.issue_id, status=IssueStatus.RESOLVED, severity=IssueSeverity.LOW)
    assert (changed.status, changed.severity, changed.name) == (IssueStatus.RESOLVED, IssueSeverity.LOW, "slow")
    page = store.search_issues(experiment.experiment_id, max_results=1, include_trace_count=True)
    assert [(issue.name, issue.trace_count) for issue in page] == [("slow", 0)]
    rest = store.search_issues(experiment.experiment_id, max_results=1, page_token=page.token, include_trace_count=True)
    assert [issue.name for issue in rest] == ["odd"] and rest.token is None
    assert [issue.name for issue in store.search_issues(experiment.experiment_id, filter_string="status = 'pending'")] == ["odd"]
    with pytest.raises(MlflowException, match="not found") as gone:
        store.get_issue("iss-none")
    assert gone.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_scorers(experiment):
    judge = make_judge(name="polite", instructions="Is {{ outputs }} polite?", model="openai:/gpt-4o")
    judge.register()
    make_judge(name="polite", instructions="Is {{ outputs }} kind?", model="openai:/gpt-4o").register()
    RelevanceToQuery(name="relevant").register()
    assert sorted(scorer.name for scorer in list_scorers()) == ["polite", "relevant"]
    assert "kind" in get_scorer(name="polite").instructions
    assert "polite" in get_scorer(name="polite", version=1).instructions
    with pytest.raises(MlflowException, match="does not use a gateway model"):
        get_scorer(name="polite").start(sampling_config=ScorerSamplingConfig(sample_rate=0.5))
    assert get_scorer(name="polite").stop().sample_rate == 0
    delete_scorer(name="polite", version=1)
    delete_scorer(name="polite", version="all")
    assert [scorer.name for scorer in list_scorers()] == ["relevant"]
    with pytest.raises(MlflowException, match="not found"):
        get_scorer(name="polite")


def test_a_scorer_with_code_is_refused(experiment):
    @mlflow.genai.scorer
    def always(outputs):
        return True

    with pytest.raises(MlflowException, match="@scorer decorator"):
        always.register()


def test_traces_become_records_and_have_issues(client, experiment, dataset):
    @mlflow.trace
    def answer(question):
        return {"answer": question.upper()}

    answer("what?")
    answer("who?")
    mlflow.flush_trace_async_logging()
    traces = mlflow.search_traces(locations=[experiment.experiment_id], return_type="list")
    dataset.merge_records(traces)
    records = {record.inputs["question"]: record for record in client.get_dataset(dataset.dataset_id).records}
    assert records["what?"].outputs == {"answer": "WHAT?"} and records["what?"].source.source_type.value == "TRACE"
    assert {record.source_id for record in records.values()} == {trace.info.trace_id for trace in traces}

    store = client._tracking_client.store
    issue = store.create_issue(experiment.experiment_id, "loud", "it shouts")
    for trace in traces:
        source = AssessmentSource(source_type=AssessmentSourceType.CODE, source_id="test")
        store.create_assessment(IssueReference(trace_id=trace.info.trace_id, issue_id=issue.issue_id, issue_name=issue.name, source=source))
    (found,) = store.search_issues(experiment.experiment_id, include_trace_count=True)
    assert found.trace_count == 2


def test_a_dataset_is_evaluated(client, dataset):
    @mlflow.genai.scorer
    def right(outputs, expectations):
        return outputs == expectations["answer"]

    dataset.merge_records([
        {"inputs": {"n": 1}, "expectations": {"answer": 2}},
        {"inputs": {"n": 2}, "expectations": {"answer": 5}},
    ])
    result = mlflow.genai.evaluate(data=get_dataset(dataset_id=dataset.dataset_id), predict_fn=lambda n: n * 2, scorers=[right])
    assert result.metrics == {"right/mean": 0.5}
    run = mlflow.get_run(result.run_id)
    assert run.data.metrics == {"right/mean": 0.5}
    assert [given.dataset.name for given in run.inputs.dataset_inputs] == [dataset.name]
