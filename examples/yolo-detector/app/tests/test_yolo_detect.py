"""The detector itself: does it find what is there, and how often?"""

import json
import os
from pathlib import Path

import pytest

from app import detector
from app.tests import samples


@pytest.fixture(scope="module")
def found():
    """Of every labelled part, its name and the box of that name that fits it best."""
    finder, rows = detector.from_environment(), []
    for sample in samples.load():
        boxes = finder.detect(sample.picture)
        for name, corners in sample.parts:
            rows.append((name, max((detector.iou(b.corners, corners) for b in boxes if b.name == name), default=0)))
    return rows


def test_finds_most_parts(found):
    recall = sum(fit >= 0.5 for _, fit in found) / len(found)
    keep("recall", recall)
    assert recall >= 0.7


@pytest.mark.parametrize("name", ["bolt", "washer", "nut", "screw"])
def test_finds_parts_of_every_kind(found, name):
    fits = [fit for kind, fit in found if kind == name]
    if not fits:
        pytest.skip(f"no {name} in these samples")
    recall = sum(fit >= 0.5 for fit in fits) / len(fits)
    keep(f"recall[{name}]", recall)
    assert recall >= 0.5


def test_boxes_lie_in_the_picture():
    finder = detector.from_environment()
    for sample in samples.load():
        for box in finder.detect(sample.picture):
            assert 0 <= box.corners[0] < box.corners[2] and 0 <= box.corners[1] < box.corners[3], (sample.file, box)
            assert 0 < box.score <= 1


@pytest.mark.skipif("SLIPWAY_MODEL_DIR" not in os.environ, reason="there is no version under test here")
def test_the_served_model_answers_as_its_file_does():
    served = detector.Served(os.environ["SLIPWAY_SERVE_URL"])
    local = detector.Local(next(Path(os.environ["SLIPWAY_MODEL_DIR"]).rglob("*.onnx")))
    for sample in samples.load()[:8]:
        theirs, ours = served.detect(sample.picture), local.detect(sample.picture)
        theirs = [b for b in theirs if b.score > 0.3]
        for box in theirs:
            assert any(box.name == o.name and detector.iou(box.corners, o.corners) > 0.75 for o in ours), (sample.file, box)


def keep(name: str, value: float) -> None:
    """A figure for the report of the validation: thresholds may name it."""
    if folder := os.environ.get("SLIPWAY_OUTPUT_DIR"):
        file = Path(folder) / "measurements.json"
        figures = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(figures | {name: value}))
