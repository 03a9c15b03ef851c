"""make demo: four detectors go through delivery, with the stock MLflow client,
Slipway's own commands and live traffic. Exits 0 only if all of it happened as it
is told here. --keep leaves the server running until Ctrl-C."""

import os
import signal
import sys
import time

# The shell's own MLflow and Slipway settings would lead the demo elsewhere.
for name in [name for name in os.environ if name.startswith(("MLFLOW_", "SLIPWAY_"))]:
    del os.environ[name]
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
os.environ["MLFLOW_LOGGING_LEVEL"] = "WARNING"

import mlflow

import train
from narrate import Broken, act, elapsed, expect, say, table
from server import ROOT, Server
from traffic import Traffic, pictures

MODEL = train.MODEL


class Demo:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.map50: dict[str, str] = {}

    def prepare(self) -> None:
        act("A server, a data set and a pipeline")
        seconds = self.server.start()
        say(f"slipway server answers at {self.server.url} after {seconds:.2f} s; it is all that runs")
        mlflow.set_tracking_uri(self.server.url)
        mlflow.set_experiment("shapes")
        self.server.run("dataset", "push", str(train.SHAPES), "shapes-val")
        say("data set shapes-val@1 pushed: 48 labelled pictures of bolts, washers, nuts and screws")
        self.server.run("pipeline", "apply", "-f", str(ROOT / "examples/demo/slipway.yaml"))
        say("pipeline applied: integrity, onnx, detection (mAP50 >= 0.80), a pytest of ours;")
        say("then staging by itself, and production by canary: 25, 50, 100 % of the traffic")

    def register(self, detector: str, epochs: int, number: str) -> dict:
        """Registers a detector as a training job does and waits for the verdict."""
        version = train.register(detector, epochs)
        expect(version == number, f"the stock mlflow client registered it as {MODEL} version {number}")
        self.server.run("watch", MODEL, version, code=None)
        validation = self.server.get(f"/models/{MODEL}/versions/{version}/validations")["items"][0]
        figures = {
            each["name"]: each["value"]
            for step in validation["steps"] for each in step.get("measurements", [])
        }
        self.map50[version] = f"{figures['map50']:.4f}"
        say(f"validated by itself: mAP50 {figures['map50']:.4f}, mAP50-95 {figures['map50_95']:.4f}: {validation['state']}")
        return validation

    def passes(self, detector: str, epochs: int, number: str) -> None:
        """Registers a detector that is good enough, and waits until staging runs it."""
        validation = self.register(detector, epochs, number)
        if validation["state"] != "passed":
            raise Broken(f"version {number} should have passed: {validation.get('reason')}")
        until(lambda: self.live("staging") == number, 120, f"version {number} did not come up in staging")
        say("built into an image, and live in staging by itself")

    def live(self, environment: str) -> str | None:
        """The version that the environment's alias names, as every client reads it."""
        return mlflow.MlflowClient().get_registered_model(MODEL).aliases.get(environment)

    def serves(self, version: str) -> None:
        """Checks that production, its alias and its bytes are those of the version."""
        environment = self.server.get(f"/models/{MODEL}/environments/production")
        at_work = {each["version"]: each["weight"] for each in environment["traffic"] if each["weight"] > 0}
        expect(
            at_work == {version: 100} and self.live("production") == version
            and train.bytes_of(f"{MODEL}@production") == train.bytes_of(f"{MODEL}/{version}"),
            f"version {version} takes all the traffic, and models:/{MODEL}@production loads it",
        )

    def good(self) -> None:
        act("Version 1: good")
        self.passes("v1", 14, "1")
        self.server.run("promote", MODEL, "1", "--env", "production", "--wait")
        say("slipway promote: the first release of production has none to compare with; its smoke test passed")
        self.serves("1")

    def poor(self) -> None:
        act("Version 2: poor")
        validation = self.register("v2-poor", 2, "2")
        if validation["state"] != "failed":
            raise Broken(f"version 2 should have failed its validation, and is {validation['state']}")
        say(f"why: {validation['reason']}")
        refusal = self.server.run("promote", MODEL, "2", "--env", "production", "--wait", code=None)
        expect(self.live("production") == "1" and self.server.code != 0, f"slipway promote says no: {last_line(refusal)}")

    def fragile(self) -> None:
        act("Version 3: better on the data set, but it fails on some night pictures")
        self.passes("v3-fragile", 18, "3")
        say("slipway promote: live traffic judges it now, the night pictures among it")
        outcome = self.server.run("promote", MODEL, "3", "--env", "production", "--wait", code=None)
        promotion = self.promotion()
        expect(
            self.server.code != 0 and promotion["state"] == "rolled_back",
            f"taken back by the analysis: {last_line(outcome)}",
        )
        for seen in promotion["analysis"]:
            say(
                f"what decided: {seen['metric']} {seen['value']:.3f} in {seen['samples']} requests, and "
                f"{seen['stable_value']:.3f} in {seen['stable_samples']} of version 1 over the same time; the difference is "
                f"{seen['estimate']:.3f}, between {seen['lower']:.3f} and {seen['upper']:.3f} (each end with "
                f"{seen['confidence']:.1%} confidence), and up to {seen['delta']} is allowed: {seen['verdict']}"
            )
        environment = self.server.get(f"/models/{MODEL}/environments/production")
        expect(
            "3" in [each["version"] for each in environment["quarantined"]],
            "version 3 is quarantined in production: nothing automatic promotes it again",
        )
        self.serves("1")

    def better(self) -> None:
        act("Version 4: better, and then rolled back by hand")
        self.passes("v4-better", 28, "4")
        self.server.run("promote", MODEL, "4", "--env", "production", "--wait")
        for seen in self.promotion()["analysis"]:
            say(f"the analysis found it no worse: {seen['samples']} requests, difference at most {seen['upper']:.4f}")
        self.serves("4")
        began = time.monotonic()
        self.server.run("rollback", MODEL, "--env", "production")
        until(lambda: self.live("production") == "1", 10, "the rollback did not happen")
        say(f"slipway rollback: version 1 is back after {time.monotonic() - began:.2f} s; it was still warm")
        self.serves("1")

    def promotion(self) -> dict:
        """The latest promotion of production."""
        listed = self.server.get(f"/models/{MODEL}/environments/production/promotions")["items"]
        return self.server.get(f"/promotions/{listed[0]['id']}")

    def account(self, traffic: Traffic) -> None:
        """Tells what the live traffic saw: nothing lost, and only version 3 failed."""
        act("The live traffic")
        releases = self.server.get(f"/models/{MODEL}/environments/production/releases")["items"]
        version = {str(each["release"]): each["version"] for each in releases}
        for release, count in sorted(traffic.answered.items()):
            say(f"release {release} (version {version[release]}) answered {count} requests and failed {traffic.failed[release]}")
        failing = {version[release] for release, count in traffic.failed.items() if count}
        expect(failing == {"3"}, "only version 3 failed requests")
        expect(traffic.lost == 0, f"of {sum(traffic.answered.values())} requests none was lost, through every shift and rollback")

    def summary(self) -> None:
        act("What is where")
        aliases = mlflow.MlflowClient().get_registered_model(MODEL).aliases
        where = {version: [] for version in self.map50}
        for alias, version in sorted(aliases.items()):
            where[str(version)].append(alias)
        told = {
            "1": "live; back after the rollback of 4",
            "2": "refused by its validation",
            "3": "taken back by the analysis, quarantined",
            "4": "went live, rolled back by hand",
        }
        table(
            ["version", "mAP50", "live in", "what happened"],
            [[version, self.map50[version], ", ".join(where[version]) or "-", told[version]] for version in sorted(told)],
        )
        print()
        print(self.server.run("status", MODEL))


def until(happened, seconds: float, otherwise: str) -> None:
    """Waits until something has happened, or ends the demo."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise Broken(otherwise)
        time.sleep(0.1)


def last_line(text: str) -> str:
    """What a command that failed says."""
    return text.splitlines()[-1].removeprefix("slipway: ") if text else ""


def wait_for_interrupt() -> None:
    """Waits for Ctrl-C."""
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass


def play(server: Server) -> None:
    demo = Demo(server)
    demo.prepare()
    demo.good()
    act("Live traffic begins")
    with Traffic(server.url, f"/serve/{MODEL}/production/detect", pictures()) as traffic:
        say("four clients post pictures, by day and by night in turn, until the end")
        demo.poor()
        demo.fragile()
        demo.better()
    demo.account(traffic)
    demo.summary()


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: nothing stays
    server = Server()
    try:
        play(server)
        if "--keep" in sys.argv:
            print(f"\nThe server runs on at {server.url} ({server.url}/api/v1/docs); Ctrl-C ends it.", flush=True)
            wait_for_interrupt()
    except Broken as broken:
        print(f"\nNot as told, after {elapsed()}: {broken}\nThe server's log:\n{server.log_tail()}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        left = server.stop()
        server.remove()
    if left:
        print(f"\nNot as told: the server left processes running: {left}", file=sys.stderr)
        return 1
    print(f"\nAll of it happened as told, in {elapsed()}; nothing is left running.")
    print("To look around yourself: make demo KEEP=1 leaves this server running, and bin/slipway server starts an empty one.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
