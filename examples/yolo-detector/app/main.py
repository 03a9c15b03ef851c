"""Counts the parts of a kit in a picture: uvicorn app.main:app

DETECTOR_URL  where the detector is served, such as
              http://slipway:5000/serve/yolo-detector/production
MODEL_FILE    the detector's ONNX file, where nothing serves it
API_KEY       what callers have to show
KIT           how many of what make a kit: bolt=1,nut=1
"""

import os
import secrets
from collections import Counter
from functools import cache

import httpx
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app import detector

app = FastAPI(title="Kit counter")
MAX_PICTURE = 8 << 20  # bytes


@cache
def the_detector() -> detector.Detector:
    return detector.from_environment()


def kit() -> Counter:
    pairs = (part.split("=") for part in os.environ.get("KIT", "bolt=1,nut=1").split(","))
    return Counter({name: int(count) for name, count in pairs})


def signed_in(shown: HTTPAuthorizationCredentials | None = Depends(HTTPBearer(auto_error=False))) -> None:
    key = os.environ.get("API_KEY", "")
    if not key or shown is None or not secrets.compare_digest(shown.credentials.encode(), key.encode()):
        raise HTTPException(401, "show the key: Authorization: Bearer …")


@app.get("/health")
def health() -> dict:
    return {"status": "ok"}


@app.post("/count", dependencies=[Depends(signed_in)])
async def count(request: Request) -> dict:
    picture = await request.body()
    if len(picture) > MAX_PICTURE:
        raise HTTPException(413, f"the picture is larger than {MAX_PICTURE} bytes")
    try:
        boxes = the_detector().detect(picture)
    except detector.NotAPicture as error:
        raise HTTPException(400, "this is no picture that can be read") from error
    except httpx.HTTPError as error:
        raise HTTPException(502, "the detector does not answer") from error
    parts = Counter(box.name for box in boxes)
    return {"parts": dict(parts), "complete": parts >= kit()}
