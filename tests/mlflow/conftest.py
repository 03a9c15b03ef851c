"""What every test of the stock client shares: MLFLOW_TRACKING_URI names the
server, and any warning that the client logs fails the test."""

import logging
import uuid
import warnings

import mlflow
import pytest

with warnings.catch_warnings():  # what the client says of itself while it is imported
    warnings.simplefilter("ignore")
    import mlflow.pyfunc  # noqa: F401


@pytest.fixture
def client():
    return mlflow.MlflowClient()


@pytest.fixture
def experiment():
    """A fresh experiment, set as the current one."""
    return mlflow.set_experiment(f"e-{uuid.uuid4().hex}")


# What the client says whatever the server: a 3.x client keeps no model under
# its run, and register_model("runs:/…") says so.
ALWAYS = "has no artifacts at artifact path"


class Kept(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.records = []

    def emit(self, record):
        if ALWAYS not in record.getMessage():
            self.records.append(record.getMessage())


@pytest.fixture(autouse=True)
def no_warnings():
    kept = Kept()
    logger = logging.getLogger("mlflow")
    logger.addHandler(kept)
    yield
    logger.removeHandler(kept)
    assert kept.records == []
