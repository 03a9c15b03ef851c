"""What every test of a client shares: MLFLOW_TRACKING_URI names the server.
The same tests run with each client; what a client lacks is skipped by name."""

import uuid

import mlflow
import numpy
import pytest
from packaging.version import Version

VERSION = Version(mlflow.__version__)


def since(version):
    return pytest.mark.skipif(VERSION < Version(version), reason=f"clients have this since {version}")


def named(client):
    """How this client names a model that it logs: artifact_path before 3.0."""
    return {"artifact_path": client} if VERSION.major < 3 else {"name": client}


@pytest.fixture
def client():
    return mlflow.MlflowClient()


@pytest.fixture
def experiment():
    return mlflow.set_experiment(f"e-{uuid.uuid4().hex}")


@pytest.fixture
def name():
    return f"model-{uuid.uuid4().hex}"


@pytest.fixture
def table():
    """x and y = 2a + b."""
    rng = numpy.random.default_rng(7)
    x = rng.random((40, 2))
    return x, x @ [2.0, 1.0]
