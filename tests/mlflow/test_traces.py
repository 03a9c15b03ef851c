"""Traces, as a person uses them whose program asks models: made by a decorator,
found again, judged and removed."""

import json
import time

import mlflow
import pytest
from mlflow.entities import AssessmentSource, AssessmentSourceType, SpanType, TraceState
from mlflow.exceptions import MlflowException

HUMAN = AssessmentSource(source_type=AssessmentSourceType.HUMAN, source_id="me")


@mlflow.trace(span_type=SpanType.TOOL)
def look(word):
    if word == "bad":
        raise ValueError("no such word")
    return {"word": word, "n": len(word)}


@mlflow.trace(name="answer", attributes={"temperature": 0.5})
def answer(question):
    mlflow.update_current_trace(tags={"team": "blue"}, metadata={"mlflow.trace.session": "s-1"})
    return [look(w) for w in question.split()]


def traced(question):
    result = None
    try:
        result = answer(question)
    except ValueError:
        pass
    mlflow.flush_trace_async_logging()
    return mlflow.get_last_active_trace_id(), result


def test_a_trace_is_made_and_read(experiment, client):
    trace_id, result = traced("ein Wörterbuch <b>")
    trace = mlflow.get_trace(trace_id)
    assert trace.info.state == TraceState.OK and trace.info.experiment_id == experiment.experiment_id
    assert trace.info.tags["team"] == "blue" and trace.info.tags["mlflow.traceName"] == "answer"
    assert trace.info.trace_metadata["mlflow.trace.session"] == "s-1"
    assert json.loads(trace.info.request_preview) == {"question": "ein Wörterbuch <b>"}
    root = trace.data.spans[0]
    assert (root.name, root.outputs, root.attributes["temperature"]) == ("answer", result, 0.5)
    assert [s.span_type for s in trace.data.spans[1:]] == ["TOOL"] * 3
    assert all(s.parent_id == root.span_id for s in trace.data.spans[1:])
    assert trace.data.spans[2].outputs == {"word": "Wörterbuch", "n": 10}


def test_a_trace_of_a_failure(experiment):
    trace_id, _ = traced("bad")
    trace = mlflow.get_trace(trace_id)
    assert trace.info.state == TraceState.ERROR
    failed = trace.search_spans(name="look")[0]
    assert failed.status.status_code == "ERROR"
    assert failed.events[0].attributes["exception.type"] == "ValueError"


def test_traces_are_searched(experiment, client):
    with mlflow.start_run() as run:
        first, _ = traced("eins")
    second, _ = traced("bad")
    third, _ = traced("drei vier")
    here = [experiment.experiment_id]

    def found(text, **more):
        return [t.info.trace_id for t in mlflow.search_traces(locations=here, filter_string=text, return_type="list", **more)]

    assert set(found("")) == {first, second, third}
    assert found("", order_by=["timestamp_ms ASC"], max_results=1) == [first]
    assert found("trace.status = 'ERROR'") == [second]
    assert found("span.name = 'look' AND span.status = 'ERROR'") == [second]
    assert found("trace.text LIKE '%vier%'") == [third]
    assert found(f"attributes.run_id = '{run.info.run_id}'") == [first]
    assert set(found("tags.team = 'blue' AND metadata.`mlflow.trace.session` = 's-1'")) == {first, second, third}
    client.link_traces_to_run([third], run.info.run_id)
    assert set(found("", run_id=run.info.run_id)) == {first, third}
    page = client.search_traces(locations=here, max_results=2)
    rest = client.search_traces(locations=here, max_results=2, page_token=page.token)
    assert {t.info.trace_id for t in page + rest} == {first, second, third} and rest.token is None
    frame = mlflow.search_traces(locations=here)
    assert len(frame) == 3 and set(frame["trace_id"]) == {first, second, third}
    with pytest.raises(MlflowException, match="Invalid"):
        found("nonsense = 'x'")


def test_traces_are_judged(experiment):
    trace_id, _ = traced("eins")
    given = mlflow.log_feedback(trace_id=trace_id, name="good", value=0.25, source=HUMAN, rationale="so", metadata={"k": "v"})
    expected = mlflow.log_expectation(trace_id=trace_id, name="is", value={"word": ["eins"]}, source=HUMAN)
    trace = mlflow.get_trace(trace_id)
    assert {a.name: a.value for a in trace.info.assessments} == {"good": 0.25, "is": {"word": ["eins"]}}
    changed = mlflow.update_assessment(trace_id, given.assessment_id, mlflow.entities.Feedback(name="good", value=0.5, source=HUMAN))
    assert changed.value == 0.5 and changed.rationale == "so"
    better = mlflow.override_feedback(trace_id=trace_id, assessment_id=given.assessment_id, value=1, source=HUMAN)
    assert mlflow.get_assessment(trace_id, given.assessment_id).valid is False
    hits = mlflow.search_traces(locations=[experiment.experiment_id], filter_string="feedback.good > 0.9", return_type="list")
    assert [t.info.trace_id for t in hits] == [trace_id]
    mlflow.delete_assessment(trace_id, better.assessment_id)
    assert mlflow.get_assessment(trace_id, given.assessment_id).valid is True
    mlflow.delete_assessment(trace_id, expected.assessment_id)
    assert [a.name for a in mlflow.get_trace(trace_id).info.assessments] == ["good"]
    mlflow.log_feedback(trace_id=trace_id, name="broken", error=ValueError("why"), source=HUMAN)
    broken = mlflow.get_trace(trace_id).search_assessments("broken")[0]
    assert broken.error.error_code == "ValueError" and broken.error.error_message == "why"


def test_tags_and_deletion(experiment, client):
    ids = [traced(word)[0] for word in ("eins", "zwei", "drei")]
    mlflow.set_trace_tag(ids[0], "k", "v")
    assert mlflow.get_trace(ids[0]).info.tags["k"] == "v"
    mlflow.delete_trace_tag(ids[0], "k")
    assert "k" not in mlflow.get_trace(ids[0]).info.tags
    assert client.delete_traces(experiment.experiment_id, trace_ids=[ids[0]]) == 1
    assert mlflow.get_trace(ids[0], silent=True) is None
    assert client.delete_traces(experiment.experiment_id, max_timestamp_millis=int(time.time() * 1000) + 1000, max_traces=1) == 1
    assert client.delete_traces(experiment.experiment_id, max_timestamp_millis=int(time.time() * 1000) + 1000) == 1


def test_tokens_and_costs_are_summed_up(experiment):
    with mlflow.start_span("root") as root:
        with mlflow.start_span("llm", span_type=SpanType.CHAT_MODEL) as span:
            span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15})
            span.set_attribute("mlflow.llm.cost", {"input_cost": 0.5, "output_cost": 0.25, "total_cost": 0.75})
    mlflow.flush_trace_async_logging()
    info = mlflow.get_trace(root.trace_id).info
    assert info.token_usage == {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    assert info.cost["total_cost"] == 0.75
