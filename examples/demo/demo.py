"""make demo: four detectors go through delivery, with the stock MLflow client,
Slipway's own commands, and live traffic. Exits 0 only if all of it happened as
told. --keep leaves the server running until Ctrl-C."""

import os
import sys
import time

# The demo must not pick up the settings of the shell that it runs in.
for name in [name for name in os.environ if name.startswith(("MLFLOW_", "SLIPWAY_"))]:
    del os.environ[name]
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"

import mlflow

import train
from narrate import Broken, act, expect, say, table
from server import ROOT, Server
from traffic import Traffic

MODEL = train.MODEL
PRODUCTION = f"/models/{MODEL}/environments/production"


class Demo:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.rows: list[list[str]] = []

    def start(self) -> None:
        act("A server, a data set, a pipeline")
        seconds = self.server.start()
        say(f"slipway server answers at {self.server.url} after {seconds:.2f} s; nothing else runs")
        mlflow.set_tracking_uri(self.server.url)
        mlflow.set_experiment("shapes")
        self.server.run("dataset", "push", str(train.SHAPES), "shapes-val")
        say("data set shapes-val@1: 48 labelled pictures of bolts, washers, nuts and screws")
        self.server.run("pipeline", "apply", "-f", str(ROOT / "examples/demo/slipway.yaml"))
        say("pipeline applied: integrity, onnx, detection (mAP50 >= 0.80), pytest; staging; a canary in production")

    def register(self, name: str, epochs: int, number: str) -> dict:
        """Registers a detector as a training job does and waits for the verdict."""
        version = train.register(name, epochs)
        expect(version == number, f"registered as {MODEL} version {version} with the stock mlflow client")
        self.server.run("validate", MODEL, version, "--watch", code=None)
        validation = self.server.get(f"/models/{MODEL}/versions/{version}/validations")["items"][0]
        measured = {m["name"]: m["value"] for step in validation["steps"] for m in step["measurements"]}
        say(f"validated by itself: {validation['state']}, mAP50 {measured['map50']:.4f}, mAP50-95 {measured['map50_95']:.4f}")
        return validation

    def staged(self, version: str) -> None:
        """Waits until the version is live in staging, where it goes by itself."""
        until(lambda: self.live("staging") == version, 60, f"version {version} is not live in staging")
        say(f"version {version} is live in staging, by itself")

    def live(self, environment: str) -> str | None:
        """The version that the environment's alias names."""
        return mlflow.MlflowClient().get_registered_model(MODEL).aliases.get(environment)

    def good(self) -> None:
        act("Version 1, good, goes to production")
        expect(self.register("v1", 14, "1")["state"] == "passed", "it passed")
        self.staged("1")
        self.server.run("promote", MODEL, "1", "--env", "production", "--wait")
        expect(self.live("production") == "1", "slipway promote: version 1 is live in production, the first release there")


def until(happened, seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise Broken(otherwise)
        time.sleep(0.2)
