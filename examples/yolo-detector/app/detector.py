"""Finds parts in a picture: by a served model, or by the model's own file."""

from __future__ import annotations

import ast
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
import numpy as np
import onnxruntime
from PIL import Image, ImageOps


@dataclass(frozen=True)
class Box:
    name: str
    score: float
    corners: tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels of the picture


class NotAPicture(ValueError):
    """What was sent cannot be read as a picture."""


class Detector(Protocol):
    def detect(self, picture: bytes) -> list[Box]: ...


def from_environment() -> Detector:
    """The detector that DETECTOR_URL, SLIPWAY_SERVE_URL or MODEL_FILE names."""
    url = os.environ.get("DETECTOR_URL") or os.environ.get("SLIPWAY_SERVE_URL")
    return Served(url) if url else Local(Path(os.environ.get("MODEL_FILE", "detector.onnx")))


class Served:
    """A model behind Slipway: an environment of it, or the version under test."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url.rstrip("/") + "/", timeout=10)

    def detect(self, picture: bytes) -> list[Box]:
        answer = self._client.post("detect", content=picture, headers={"Content-Type": "image/jpeg"})
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise NotAPicture(answer.text)
        answer.raise_for_status()
        return [Box(b["class"], b["score"], tuple(b["box"])) for b in answer.json()["boxes"]]


class Local:
    """An ONNX file in the layout of YOLOv8: [1, 4 + classes, anchors]."""

    def __init__(self, file: Path, confidence: float = 0.25, overlap: float = 0.7) -> None:
        self._session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        self._names = ast.literal_eval(self._session.get_modelmeta().custom_metadata_map["names"])
        self._input = self._session.get_inputs()[0]
        self._confidence, self._overlap = confidence, overlap

    def detect(self, picture: bytes) -> list[Box]:
        try:
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(picture))).convert("RGB")
        except OSError as error:  # Pillow's own errors are kinds of it
            raise NotAPicture(str(error)) from error
        pixels, scale, left, top = self._letterbox(image)
        (rows,) = self._session.run(None, {self._input.name: pixels})
        centres, scores = rows[0, :4].T, rows[0, 4:].T
        kinds, best = scores.argmax(axis=1), scores.max(axis=1)
        keep = best >= self._confidence
        half = centres[keep, 2:] / 2
        corners = np.concatenate([centres[keep, :2] - half, centres[keep, :2] + half], axis=1)
        corners = (corners - [left, top, left, top]) / scale
        corners = np.clip(corners, 0, [image.width, image.height] * 2)
        return self._suppress(corners, kinds[keep], best[keep])

    def _letterbox(self, image: Image.Image) -> tuple[np.ndarray, float, int, int]:
        """The picture in the middle of the model's input, grey around it."""
        height, width = self._input.shape[2:]
        scale = min(width / image.width, height / image.height)
        inner = (round(image.width * scale), round(image.height * scale))
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        canvas = Image.new("RGB", (width, height), (114, 114, 114))
        canvas.paste(image.resize(inner, Image.Resampling.BILINEAR), (left, top))
        pixels = np.asarray(canvas, np.float32).transpose(2, 0, 1)[None] / 255
        return pixels, scale, left, top

    def _suppress(self, corners: np.ndarray, kinds: np.ndarray, scores: np.ndarray) -> list[Box]:
        """Of boxes of one class that overlap, the best one."""
        kept: list[int] = []
        for i in np.argsort(-scores, kind="stable"):
            if all(kinds[i] != kinds[k] or iou(corners[i], corners[k]) <= self._overlap for k in kept):
                kept.append(i)
        return [Box(self._names[int(kinds[i])], float(scores[i]), tuple(map(float, corners[i]))) for i in kept]


def iou(a, b) -> float:
    """How far two boxes overlap: the share of their union that both cover."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
