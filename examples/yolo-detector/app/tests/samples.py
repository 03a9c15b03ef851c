"""The labelled pictures that the tests look at.

In a validation they are the data set of the step; elsewhere those beside this
file, in the same layout.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import yaml
from PIL import Image

FOLDER = Path(os.environ.get("SLIPWAY_DATASET_DIR", Path(__file__).parent / "samples"))


@dataclass(frozen=True)
class Sample:
    file: Path
    parts: list[tuple[str, tuple[float, float, float, float]]]  # a name, and corners in pixels

    @property
    def picture(self) -> bytes:
        return self.file.read_bytes()


def load() -> list[Sample]:
    described = yaml.safe_load((FOLDER / "data.yaml").read_text())
    return [read(file, described["names"]) for file in sorted((FOLDER / described["val"]).glob("*.jpg"))]


def read(file: Path, names: dict[int, str]) -> Sample:
    width, height = Image.open(file).size
    labels = Path(str(file.with_suffix(".txt")).replace("/images/", "/labels/"))
    parts = []
    for line in labels.read_text().splitlines() if labels.exists() else []:
        kind, x, y, w, h = line.split()
        x, y, w, h = float(x) * width, float(y) * height, float(w) * width, float(h) * height
        parts.append((names[int(kind)], (x - w / 2, y - h / 2, x + w / 2, y + h / 2)))
    return Sample(file, parts)
