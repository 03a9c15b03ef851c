"""Reads pairs of samples as JSON lines and writes what SciPy says of them."""

import json
import sys

import numpy
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

for line in sys.stdin:
    case = json.loads(line)
    reference, now = numpy.sort(case["reference"]), numpy.sort(case["now"])
    edges = numpy.unique([reference[(len(reference) - 1) * i // 10] for i in range(1, 10)])
    bins = numpy.concatenate([[-numpy.inf], edges, [numpy.inf]])
    counts = [numpy.histogram(-values, bins=-bins[::-1])[0] for values in (reference, now)]  # (a, b] as [-b, -a)
    print(json.dumps({"ks": float(ks_2samp(reference, now).statistic), "js": float(jensenshannon(*counts, base=2))}))
