"""What the demo says: plain lines with the time since the start, and a table."""

import sys
import textwrap
import time

_start = time.monotonic()


class Broken(Exception):
    """Something did not happen as the demo tells it."""


def elapsed() -> str:
    minutes, seconds = divmod(int(time.monotonic() - _start), 60)
    return f"{minutes}:{seconds:02d}"


def act(title: str) -> None:
    print(f"\n{title}", flush=True)


def say(line: str) -> None:
    print(textwrap.fill(line, 116, initial_indent=f"  {elapsed():>5}  ", subsequent_indent=" " * 9), flush=True)


def expect(happened: bool, what: str) -> None:
    """Tells what happened, or ends the demo when it did not."""
    if not happened:
        raise Broken(what)
    say(what)


def table(header: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, ["-" * width for width in widths], *rows]:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    sys.stdout.flush()
