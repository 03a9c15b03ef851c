"""A Slipway server of the demo's own: a free port, a temporary data folder."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from narrate import Broken

ROOT = pathlib.Path(__file__).resolve().parents[2]
SLIPWAY = ROOT / "bin" / "slipway"


class Server:
    def __init__(self) -> None:
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="slipway-demo-"))
        self.data = self.home / "slipway-data"
        self.log = open(self.home / "server.log", "wb")
        self.url = ""
        self.process: subprocess.Popen | None = None
        self.code = 0  # exit code of the last command

    def start(self) -> float:
        """Starts the server and gives the seconds until it answered."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        began = time.monotonic()
        self.process = subprocess.Popen(
            [SLIPWAY, "server", "--port", str(port), "--data-dir", self.data],
            cwd=self.home, stdout=self.log, stderr=self.log,
            env={**os.environ, "SLIPWAY_PYTHON": sys.executable},
        )
        while time.monotonic() - began < 30:
            try:
                urllib.request.urlopen(self.url + "/health", timeout=1).read()
                return time.monotonic() - began
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.02)
        raise Broken(f"the server did not start; its log: {self.log_tail()}")

    def stop(self) -> list[str]:
        """Stops the server and gives the commands of what it left running."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        left = self.instances()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        return list(left.values())

    def instances(self) -> dict[int, str]:
        """The processes whose command names this server's data folder."""
        found = {}
        for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.data) in command and int(entry.parent.name) != self.process.pid:
                found[int(entry.parent.name)] = command
        return found

    def remove(self) -> None:
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def log_tail(self) -> str:
        self.log.flush()
        return (self.home / "server.log").read_text(errors="replace")[-2000:]

    def run(self, *arguments: str, code: int | None = 0) -> str:
        """Runs a slipway command and gives its output; code None takes any."""
        done = subprocess.run(
            [SLIPWAY, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300,
            env={**os.environ, "SLIPWAY_URL": self.url},
        )
        self.code = done.returncode
        output = (done.stdout + done.stderr).strip()
        if code is not None and done.returncode != code:
            raise Broken(f"slipway {' '.join(arguments)} ended with {done.returncode}: {output}")
        return output

    def get(self, path: str) -> dict:
        """Reads one resource of the API."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1{path}", timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise Broken(f"GET {path}: {refused.code} {refused.read().decode(errors='replace')}") from None
