"""Has mlflow answer questions by the flavour that was saved: MODEL QUESTIONS OUTPUT.

A question is a line of MLflow's scoring protocol. Its answer is a line of
answers.jsonl, or an object with "error". What keeps all of them from being
answered is in failed.json.
"""

import json
import os
import platform
import sys
import traceback

model, questions, output = sys.argv[1:]


def leave(name, content):
    with open(os.path.join(output, name), "w") as file:
        json.dump(content, file)


def stop(stage, error):
    traceback.print_exc()
    leave("failed.json", {"stage": stage, "error": f"{type(error).__name__}: {error}"})
    sys.exit(3)


try:
    import mlflow
    import mlflow.pyfunc
    from mlflow.pyfunc import scoring_server
except Exception as e:
    stop("mlflow", e)
try:
    loaded = mlflow.pyfunc.load_model(model)
    schema = loaded.metadata.get_input_schema()
except Exception as e:
    stop("load", e)
leave("facts.json", {"mlflow": mlflow.__version__, "python": platform.python_version()})

with open(questions) as asked, open(os.path.join(output, "answers.jsonl"), "w") as answers:
    for question in asked:
        try:
            said = scoring_server.invocations(question, "application/json", loaded, schema)
            # NaN and the infinities are no JSON: slipway-serve writes null, too.
            answer = json.loads(said.response, parse_constant=lambda _: None)
        except Exception as e:
            traceback.print_exc()
            cause = e.__context__ or e  # mlflow's own words say less
            answer = {"error": f"{type(cause).__name__}: {cause}"[:2000]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
