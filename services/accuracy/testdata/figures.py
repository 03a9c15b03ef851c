"""Reads cases as JSON lines and writes what scikit-learn says of them."""

import json
import math
import sys
import warnings

import numpy
from sklearn import metrics

warnings.simplefilter("ignore")  # of classes that are never true

for line in sys.stdin:
    case = json.loads(line)
    truth, guessed = numpy.array(case["truth"]), numpy.array(case["guessed"])
    if case["kind"] == "numbers":
        out = {
            "mae": metrics.mean_absolute_error(truth, guessed),
            "rmse": math.sqrt(metrics.mean_squared_error(truth, guessed)),
            "r2": metrics.r2_score(truth, guessed),
            "max": metrics.max_error(truth, guessed),
        }
    else:
        out = {
            "accuracy": metrics.accuracy_score(truth, guessed),
            "balanced_accuracy": metrics.balanced_accuracy_score(truth, guessed),
            "f1_macro": metrics.f1_score(truth, guessed, average="macro"),
            "f1_weighted": metrics.f1_score(truth, guessed, average="weighted"),
        }
        labels = list(range(case["classes"]))
        by_class = metrics.precision_recall_fscore_support(truth, guessed, labels=labels, zero_division=0)
        for name, values in zip(["precision", "recall", "f1"], by_class):
            for label, value in zip(labels, values):
                out[f"{name}[{label}]"] = value
        shares = numpy.array(case["shares"])
        out["log_loss"] = metrics.log_loss(truth, shares, labels=labels)
        if len(set(case["truth"])) == case["classes"]:
            if case["classes"] == 2:
                out["auc"] = metrics.roc_auc_score(truth, shares[:, 1])
            else:
                out["auc"] = metrics.roc_auc_score(truth, shares, multi_class="ovr")
    print(json.dumps({name: float(value) for name, value in out.items()}))
