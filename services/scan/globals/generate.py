"""Prints the classes and pure functions of scikit-learn that its pickles name,
a module a line. Run with the versions whose names are wanted and merge:

    python generate.py > new.txt; python generate.py --merge sklearn.txt new.txt
"""

import importlib
import inspect
import pkgutil
import sys
import warnings

warnings.simplefilter("ignore")

# What reads files, calls the network, or runs what it is given.
SKIP = ("tests", "externals", "conftest", "datasets", "_build_utils", "_testing", "estimator_checks", "experimental", "parallel", "_plot",
        "_min_dependencies", "_estimator_html_repr", "_repr_html", "_test_common", "_mocking", "_array_api", "fixes", "deprecation",
        "_isfinite", "_openmp_helpers", "_show_versions", "frozen", "callback")
# Modules whose public functions compute a figure of arrays and nothing else.
PURE = ("sklearn.metrics._classification", "sklearn.metrics._ranking", "sklearn.metrics._regression", "sklearn.metrics.pairwise",
        "sklearn.metrics.cluster._supervised", "sklearn.metrics.cluster._unsupervised", "sklearn.feature_selection._univariate_selection",
        "sklearn.feature_selection._mutual_info")


def names(module):
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__ and not name.startswith("__pyx_unpickle_"):
            continue
        if inspect.isclass(value) and not name.startswith("_test"):
            yield value.__qualname__ if value.__name__ == name else name
        elif name.startswith("__pyx_unpickle_") or name == "newObj" or name == "_identity":
            yield name
        elif module.__name__ in PURE and inspect.isfunction(inspect.unwrap(value)) and not name.startswith("_"):
            yield name


def survey():
    import sklearn
    for info in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
        if any(part in SKIP for part in info.name.split(".")):
            continue
        try:
            module = importlib.import_module(info.name)
        except Exception:
            continue
        yield info.name, set(names(module))


def read(path):
    for line in open(path):
        module, _, rest = line.partition(":")
        if rest and not line.startswith("#"):
            yield module, set(rest.split())


def main():
    merged = {}
    sources = [read(p) for p in sys.argv[2:]] if sys.argv[1:2] == ["--merge"] else [survey()]
    for source in sources:
        for module, found in source:
            merged.setdefault(module, set()).update(found)
    for module in sorted(merged):
        if merged[module]:
            print(module + ":", " ".join(sorted(merged[module])))


main()
