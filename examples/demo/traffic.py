"""Live traffic: pictures posted to production all the while, each answer counted
under the release that gave it."""

import collections
import http.client
import itertools
import pathlib
import threading
import time
import urllib.parse

from train import SHAPES

CLIENTS = 4
PER_SECOND = 60


def pictures() -> list[pathlib.Path]:
    """Pictures by day and by night in turn."""
    day = sorted((SHAPES / "val" / "images").glob("*.jpg"))
    night = sorted((SHAPES / "live").glob("*.jpg"))
    return [picture for pair in zip(day, itertools.cycle(night)) for picture in pair]


class Traffic:
    def __init__(self, url: str, path: str, pictures: list[pathlib.Path]) -> None:
        self.host = urllib.parse.urlsplit(url).netloc
        self.path = path
        self.pictures = itertools.cycle([picture.read_bytes() for picture in pictures])
        self.answered = collections.Counter()  # by release
        self.failed = collections.Counter()  # by release
        self.lost = 0  # no answer, or one that no release gave
        self.lock = threading.Lock()
        self.done = threading.Event()
        self.threads = [threading.Thread(target=self._client, daemon=True) for _ in range(CLIENTS)]

    def __enter__(self) -> "Traffic":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join(60)

    def _client(self) -> None:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        due = time.monotonic()
        while not self.done.is_set():
            with self.lock:
                picture = next(self.pictures)
            try:
                connection.request("POST", self.path, picture, {"Content-Type": "image/jpeg"})
                answer = connection.getresponse()
                answer.read()
                self._count(answer.headers.get("X-Slipway-Release"), answer.status)
            except (OSError, http.client.HTTPException):
                connection.close()
                self._count(None, 0)
            due = max(due + CLIENTS / PER_SECOND, time.monotonic())
            self.done.wait(due - time.monotonic())

    def _count(self, release: str | None, status: int) -> None:
        with self.lock:
            if release is None:
                self.lost += 1
                return
            self.answered[release] += 1
            if status != 200:
                self.failed[release] += 1
