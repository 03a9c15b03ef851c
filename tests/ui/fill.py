"""Fills the server that MLFLOW_TRACKING_URI names with what a team has after a
few days, by the stock client, and prints the ids as JSON."""

import json
import logging
import math
import os
import pathlib
import tempfile
import warnings

warnings.simplefilter("ignore")
import matplotlib  # noqa: E402

matplotlib.use("agg")
import matplotlib.pyplot  # noqa: E402
import mlflow  # noqa: E402
import numpy  # noqa: E402
import pandas  # noqa: E402
from mlflow.entities import Metric, Param  # noqa: E402
from sklearn.linear_model import LinearRegression  # noqa: E402

logging.getLogger("mlflow").setLevel(logging.ERROR)
client = mlflow.MlflowClient()
rng = numpy.random.default_rng(7)
x = pandas.DataFrame(rng.random((40, 2)), columns=["width", "height"])
y = x.width * 2 + x.height


def train(rate):
    """A run with everything that its page shows."""
    with mlflow.start_run(run_name=f"train-{rate}", description="The **first** try") as run:
        mlflow.log_params({"rate": rate, "depth": 3, "empty": ""})
        mlflow.set_tags({"team": "vision", "said by": "it's me"})
        mlflow.log_input(mlflow.data.from_pandas(x, source="https://example.org/shapes.csv", name="shapes"), context="training")
        client.log_batch(run.info.run_id, [Metric("loss", 1 / (1 + step * rate), 1_700_000_000_000 + step * 1000, step) for step in range(400)])
        odd = [1.0, 2.0, math.nan, 4.0, math.inf, 6.0, -math.inf, 8.0]
        client.log_batch(run.info.run_id, [Metric("odd", value, 1_700_000_000_000 + step, step) for step, value in enumerate(odd)])
        mlflow.log_metrics({"accuracy": 0.5 + rate, "worst": math.nan})
        mlflow.log_text("plain words of a note\n", "notes/a b.txt")
        mlflow.log_dict({"threshold": 0.25, "classes": ["circle", "square"]}, "settings.json")
        mlflow.log_table({"picture": ["one.png", "two.png"], "score": [0.5, 0.75]}, "scores.json")
        mlflow.log_image((rng.random((24, 24, 3)) * 255).astype("uint8"), "pictures/noise.png")
        figure, axes = matplotlib.pyplot.subplots()
        axes.plot(y)
        mlflow.log_figure(figure, "pictures/plot.png")
        with tempfile.TemporaryDirectory() as folder:
            table = pathlib.Path(folder, "table.csv")
            table.write_text("shape,score\ncircle,0.5\nsquare,0.75\n")
            mlflow.log_artifact(table)
            page = pathlib.Path(folder, "report.html")
            page.write_text("<h1>The report of the run</h1>")
            mlflow.log_artifact(page)
        info = mlflow.sklearn.log_model(
            LinearRegression().fit(x, y), name="model", input_example=x[:2], signature=mlflow.models.infer_signature(x, y),
            pip_requirements=["scikit-learn"])
        mlflow.log_metric("fit", rate, model_id=info.model_id)
    return run.info.run_id, info


shapes = mlflow.set_experiment("shapes")
first, first_model = train(0.1)
second, second_model = train(0.3)
with mlflow.start_run(run_id=first):
    with mlflow.start_run(run_name="child-of-train", nested=True):
        mlflow.log_metric("accuracy", 0.1)

many = client.create_experiment("many runs")
for i in range(120):
    run = client.create_run(many, run_name=f"run-{i:03}")
    client.log_batch(run.info.run_id, [Metric("score", i / 120, 1_700_000_000_000, 0)], [Param("seed", str(i)), Param("parity", "odd" if i % 2 else "even")])
    client.set_terminated(run.info.run_id)
few = client.create_experiment("few runs")
for name in ("one", "two", "three"):
    client.set_terminated(client.create_run(few, run_name=name).info.run_id)

mlflow.set_experiment("traced")
with mlflow.start_span("answer") as span:
    span.set_inputs({"question": "what is a square?"})
    with mlflow.start_span("look up", span_type="RETRIEVER") as inner:
        inner.set_outputs(["a shape"])
    span.set_outputs("four equal sides")
traced = client.get_experiment_by_name("traced").experiment_id
mlflow.flush_trace_async_logging()
mlflow.set_experiment("shapes")

mlflow.register_model(first_model.model_uri, "shapes-model")
mlflow.register_model(second_model.model_uri, "shapes-model", tags={"tried": "yes"})
client.update_registered_model("shapes-model", "Finds shapes")
client.set_registered_model_alias("shapes-model", "champion", "1")
for i in range(12):
    client.create_registered_model(f"other-{i:02}")

mlflow.genai.register_prompt(name="greeting", template="Say hello to {{name}}.", commit_message="first words")
mlflow.genai.register_prompt(name="greeting", template="Say a warm hello to {{name}}.", commit_message="warmer")

print(json.dumps({
    "shapes": shapes.experiment_id, "many": many, "few": few, "traced": traced, "first": first, "second": second,
    "first_model": first_model.model_id, "second_model": second_model.model_id}))
