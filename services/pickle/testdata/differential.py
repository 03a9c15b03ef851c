"""Writes random pickles and, for each, the globals that pickletools shows.

Output: lines of JSON {"pickle": hex, "globals": ["module name", ...]}.
"""

import collections
import datetime
import decimal
import fractions
import json
import pathlib
import pickle
import pickletools
import random
import sys
import uuid

import joblib
import numpy
import pandas
import scipy.sparse
import sklearn.ensemble
import sklearn.linear_model
import sklearn.pipeline
import sklearn.preprocessing
import sklearn.svm

Point = collections.namedtuple("Point", "x y")


class Own:
    def __init__(self, **state):
        self.__dict__.update(state)


class Slots:
    __slots__ = ("a", "b")

    def __getstate__(self):
        return None, {"a": self.a}

    def __setstate__(self, state):
        self.a = state[1]["a"]


def leaf(r):
    return r.choice([
        lambda: None, lambda: r.random() < 0.5, lambda: r.randint(-2**70, 2**70), lambda: r.randint(0, 300),
        lambda: r.random(), lambda: complex(r.random(), 1), lambda: "wort %d ü\n\\u0041" % r.randint(0, 9),
        lambda: "x" * r.randint(0, 3000), lambda: bytes(r.randrange(256) for _ in range(r.randint(0, 300))),
        lambda: bytearray(b"ab"), lambda: datetime.datetime(2024, 1, 2, 3), lambda: datetime.timedelta(1),
        lambda: decimal.Decimal("1.5"), lambda: fractions.Fraction(1, 3), lambda: uuid.UUID(int=r.getrandbits(128)),
        lambda: pathlib.PurePosixPath("a/b"), lambda: range(r.randint(0, 9)), lambda: slice(1, 2), lambda: Point(1, "y"),
        lambda: numpy.arange(r.randint(0, 50), dtype=r.choice(["f4", "i8", "u1", "c16"])), lambda: numpy.float32(1.5),
        lambda: numpy.array(["a", None, {1: 2}], dtype=object), lambda: numpy.zeros(2, dtype=[("a", "f4"), ("b", "U3")]),
        lambda: numpy.random.RandomState(1), lambda: numpy.random.default_rng(1), lambda: scipy.sparse.eye(3, format="csr"),
        lambda: pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]}), lambda: pandas.Timestamp("2024-01-01"),
        lambda: pandas.Series([1.0], name="s"), lambda: len, lambda: dict, lambda: numpy.log1p, lambda: Own, lambda: Point,
        lambda: sklearn.linear_model.LogisticRegression(C=2).fit([[0], [1]], [0, 1]),
        lambda: sklearn.ensemble.RandomForestClassifier(2, random_state=0).fit([[0], [1]], [0, 1]),
        lambda: sklearn.pipeline.make_pipeline(sklearn.preprocessing.StandardScaler(), sklearn.svm.SVC()).fit([[0], [1]], [0, 1]),
    ])()


def tree(r, depth, seen):
    if seen and r.random() < 0.15:
        return r.choice(seen)
    if depth == 0 or r.random() < 0.3:
        return leaf(r)
    some = lambda: [tree(r, depth - 1, seen) for _ in range(r.randint(0, 5))]
    keys = lambda: {"k%d" % i: v for i, v in enumerate(some())}
    slots = lambda: (lambda s: (setattr(s, "a", tree(r, depth - 1, seen)), s)[1])(Slots())
    v = r.choice([
        some, lambda: tuple(some()), keys, lambda: Own(**keys()), slots, lambda: {1, "a", 2.5}, lambda: frozenset("ab"),
        lambda: collections.OrderedDict(keys()), lambda: collections.deque(some()), lambda: collections.defaultdict(list, keys()),
        lambda: collections.Counter("aab"), lambda: Exception("x", *some()),
    ])()
    seen.append(v)
    return v


def shown(data):
    """The globals as pickletools' own symbols give them."""
    found, strings, memo = [], [], {}
    for op, arg, pos in pickletools.genops(data):
        if op.name in ("GLOBAL", "INST"):
            found.append(arg)
            last = None
        elif op.name == "STACK_GLOBAL":
            found.append(strings[-2] + " " + strings[-1])
            last = None
        elif op.name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            memo[len(memo) if op.name == "MEMOIZE" else arg] = last
            continue
        elif op.name in ("GET", "BINGET", "LONG_BINGET"):
            last = memo[arg]
        else:
            last = arg if isinstance(arg, str) else None
        if last is not None:
            strings.append(last)
    return found


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    for i in range(count):
        r = random.Random(seed * 100003 + i)
        data = pickle.dumps(tree(r, 4, []), protocol=r.randint(0, 5))
        if r.random() < 0.3:
            data = pickletools.optimize(data)
        print(json.dumps({"pickle": data.hex(), "globals": sorted(set(shown(data)))}))


main()
