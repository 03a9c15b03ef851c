"""The service around the detector: its doors, and what it says of a picture."""

import os
from collections import Counter

import pytest
from fastapi.testclient import TestClient

from app.main import app
from app.tests import samples

KEY = os.environ.setdefault("API_KEY", "only-for-this-machine")
SIGNED = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def client():
    with TestClient(app) as client:
        yield client


def test_health(client):
    assert client.get("/health").json() == {"status": "ok"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}])
def test_nobody_counts_without_the_key(client, headers):
    answer = client.post("/count", content=samples.load()[0].picture, headers=headers)
    assert answer.status_code == 401
    assert KEY not in answer.text


@pytest.mark.parametrize("body", [b"", b"GIF89a, but not really", b"\xff\xd8\xff\xe0 cut short"])
def test_what_is_no_picture_is_the_callers_fault(client, body):
    assert client.post("/count", content=body, headers=SIGNED).status_code == 400


def test_a_picture_that_is_too_large_is_refused(client):
    assert client.post("/count", content=bytes((8 << 20) + 1), headers=SIGNED).status_code == 413


def test_counts_most_pictures_rightly(client):
    right = 0
    for sample in samples.load():
        parts = client.post("/count", content=sample.picture, headers=SIGNED).json()["parts"]
        right += sum((Counter(parts) & Counter(name for name, _ in sample.parts)).values())
    assert right >= 0.7 * sum(len(sample.parts) for sample in samples.load())


def test_a_kit_is_complete_when_all_of_it_is_there(client, monkeypatch):
    sample = max(samples.load(), key=lambda s: len(s.parts))
    for kit, complete in [("bolt=0", True), ("bolt=99", False)]:
        monkeypatch.setenv("KIT", kit)
        assert client.post("/count", content=sample.picture, headers=SIGNED).json()["complete"] is complete
