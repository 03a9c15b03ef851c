"""Writes, into a folder, what libraries write by themselves: each must pass.

A file's first folder is the flavour that its model would have.
"""

import bz2
import collections
import gzip
import importlib.util
import io
import lzma
import os
import pickle
import struct
import sys
import tarfile
import warnings
import zipfile

import cloudpickle
import joblib
import numpy
import pandas
import scipy.sparse
import sklearn.cluster
import sklearn.compose
import sklearn.datasets
import sklearn.decomposition
import sklearn.ensemble
import sklearn.feature_extraction.text
import sklearn.feature_selection
import sklearn.gaussian_process
import sklearn.impute
import sklearn.isotonic
import sklearn.linear_model
import sklearn.metrics
import sklearn.mixture
import sklearn.model_selection
import sklearn.naive_bayes
import sklearn.neighbors
import sklearn.neural_network
import sklearn.pipeline
import sklearn.preprocessing
import sklearn.svm
import sklearn.tree

warnings.simplefilter("ignore")
out = sys.argv[1]


def path(name):
    full = os.path.join(out, name)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    return full


def write(name, data):
    with open(path(name), "wb") as f:
        f.write(data)


def estimators():
    x, y = sklearn.datasets.load_iris(return_X_y=True)
    positive = numpy.abs(x)
    text = ["one two", "two three", "three one"]
    frame = pandas.DataFrame(x, columns=list("abcd"))
    frame["kind"] = ["u", "v"] * 75
    lm, en, pre = sklearn.linear_model, sklearn.ensemble, sklearn.preprocessing
    for e in [
        lm.LogisticRegression(max_iter=500), lm.LinearRegression(), lm.Ridge(), lm.Lasso(), lm.ElasticNetCV(), lm.SGDClassifier(),
        lm.RidgeClassifier(), lm.HuberRegressor(), lm.BayesianRidge(), lm.PoissonRegressor(), lm.Perceptron(), lm.LogisticRegressionCV(),
        sklearn.svm.SVC(probability=True), sklearn.svm.LinearSVC(), sklearn.svm.SVR(), sklearn.naive_bayes.GaussianNB(),
        sklearn.neighbors.KNeighborsClassifier(algorithm="kd_tree"), sklearn.neighbors.KNeighborsClassifier(algorithm="ball_tree", metric="manhattan"),
        sklearn.tree.DecisionTreeClassifier(), en.RandomForestClassifier(10), en.RandomForestRegressor(5), en.ExtraTreesClassifier(5),
        en.GradientBoostingClassifier(n_estimators=5), en.GradientBoostingRegressor(n_estimators=5), en.AdaBoostClassifier(n_estimators=5),
        en.HistGradientBoostingClassifier(max_iter=5), en.HistGradientBoostingRegressor(max_iter=5, loss="poisson"),
        en.HistGradientBoostingRegressor(max_iter=5), en.BaggingClassifier(), en.IsolationForest(n_estimators=5),
        en.VotingClassifier([("a", lm.LogisticRegression()), ("b", sklearn.naive_bayes.GaussianNB())]),
        en.StackingClassifier([("a", lm.LogisticRegression()), ("b", sklearn.tree.DecisionTreeClassifier())]),
        sklearn.neural_network.MLPClassifier((5,), max_iter=20), sklearn.gaussian_process.GaussianProcessClassifier(),
        sklearn.gaussian_process.GaussianProcessRegressor(sklearn.gaussian_process.kernels.RBF() + sklearn.gaussian_process.kernels.WhiteKernel()),
        sklearn.cluster.KMeans(3), sklearn.cluster.DBSCAN(), sklearn.cluster.Birch(), sklearn.mixture.GaussianMixture(2), sklearn.decomposition.PCA(2),
        sklearn.decomposition.NMF(2), sklearn.decomposition.TruncatedSVD(2),
        sklearn.pipeline.make_pipeline(pre.StandardScaler(), pre.PolynomialFeatures(), lm.LogisticRegression()),
        sklearn.pipeline.make_pipeline(pre.FunctionTransformer(numpy.log1p), pre.RobustScaler(), lm.LogisticRegression()),
        sklearn.pipeline.make_pipeline(sklearn.feature_selection.SelectKBest(sklearn.feature_selection.f_classif, k=2), sklearn.svm.LinearSVC()),
        sklearn.model_selection.GridSearchCV(lm.LogisticRegression(), {"C": [1, 2]}, scoring=sklearn.metrics.make_scorer(sklearn.metrics.accuracy_score)),
        sklearn.model_selection.GridSearchCV(lm.LogisticRegression(), {"C": [1, 2]}, scoring="roc_auc_ovr", cv=sklearn.model_selection.StratifiedKFold(3)),
    ]:
        yield e.fit(positive, y)
    yield sklearn.isotonic.IsotonicRegression().fit(positive[:, 0], y)
    yield sklearn.pipeline.make_pipeline(sklearn.feature_extraction.text.TfidfVectorizer(), sklearn.naive_bayes.MultinomialNB()).fit(text, [0, 1, 0])
    yield sklearn.pipeline.make_pipeline(sklearn.feature_extraction.text.HashingVectorizer(n_features=16), lm.SGDClassifier()).fit(text, [0, 1, 0])
    columns = sklearn.compose.ColumnTransformer([
        ("n", sklearn.pipeline.make_pipeline(sklearn.impute.SimpleImputer(), pre.StandardScaler()), sklearn.compose.make_column_selector(dtype_include="number")),
        ("c", pre.OneHotEncoder(handle_unknown="ignore"), ["kind"]), ("o", pre.OrdinalEncoder(), ["kind"])], remainder="drop")
    yield sklearn.pipeline.make_pipeline(columns, en.RandomForestClassifier(3)).fit(frame, y)


def scikit():
    import skops.io

    for i, e in enumerate(estimators()):
        name = "sklearn/%02d-%s" % (i, type(e).__name__)
        write(name + ".pkl", pickle.dumps(e, protocol=i % 6))
        write(name + ".cloudpickle.pkl", cloudpickle.dumps(e))
        joblib.dump(e, path(name + ".joblib"), compress=("zlib", 3) if i % 2 else 0)
        try:
            skops.io.dump(e, path(name + ".skops"))
        except skops.io.exceptions.UnsupportedTypeException:
            pass  # not every estimator can be saved so


def jobs():
    value = {"a": numpy.arange(20_000.0), "f": numpy.asfortranarray(numpy.ones((30, 40), "f4")), "o": numpy.array([{"x": 1}, None], dtype=object),
             "s": numpy.zeros(3, dtype=[("p", "f4"), ("q", "U5")]), "u": numpy.array(["ab", "c"]), "e": numpy.empty((0, 3)), "b": numpy.array([True]),
             "m": scipy.sparse.random(50, 50, 0.1, format="csr"), "d": numpy.array(["2024-01-01"], dtype="M8[D]"), "x": numpy.random.RandomState(0).bytes(99)}
    for compress in [0, 1, 9, True, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)] + ([("lz4", 1)] if has_lz4() else []):
        for protocol in (2, 3, 4, 5):
            joblib.dump(value, path("sklearn/joblib-%s-%d.joblib" % ("-".join(map(str, compress)) if isinstance(compress, tuple) else compress, protocol)), compress=compress, protocol=protocol)


def has_lz4():
    try:
        import lz4.frame  # noqa: F401
    except ImportError:
        return False
    return True


def arrays():
    for protocol in (0, 1, 2, 3, 4, 5):
        write("numpy/arrays-%d.pkl" % protocol, pickle.dumps(
            [numpy.arange(9).reshape(3, 3), numpy.float64(1), numpy.array([1, "a", None], dtype=object), numpy.ma.array([1, 2], mask=[0, 1]),
             numpy.random.default_rng(0), numpy.random.RandomState(0), numpy.dtype("f4"), numpy.matrix([[1]]), numpy.rec.array([(1, 2.0)], names="a,b"),
             numpy.array(["2024"], "M8[Y]"), numpy.log1p, numpy.float32], protocol=protocol))
    numpy.save(path("numpy/plain.npy"), numpy.random.RandomState(1).rand(100, 7))
    numpy.save(path("numpy/structured.npy"), numpy.zeros(4, dtype=[("a", "f4"), ("O", "i8")]))
    numpy.save(path("numpy/objects.npy"), numpy.array([1, "a", {"b": [2]}], dtype=object), allow_pickle=True)
    numpy.savez(path("numpy/many.npz"), a=numpy.ones(5), b=numpy.array([None], dtype=object))
    numpy.savez_compressed(path("numpy/compressed.npz"), a=numpy.random.RandomState(2).rand(2000))
    frame = pandas.DataFrame({"a": [1, None], "b": ["x", None], "c": pandas.to_datetime(["2024-01-01", None], utc=True), "d": pandas.Categorical(["u", "v"]),
                              "e": pandas.array([1, None], dtype="Int64"), "f": pandas.array(["p", None], dtype="string"), "g": pandas.to_timedelta([1, 2])})
    for protocol in (2, 3, 4, 5):
        write("numpy/frame-%d.pkl" % protocol, pickle.dumps([frame, frame.set_index(["a", "b"]), frame["c"], frame.columns, pandas.period_range("2024", periods=2, freq="D"), pandas.Interval(0, 1)], protocol=protocol))
    frame.to_pickle(path("numpy/frame.pkl.gz"))
    frame.to_pickle(path("numpy/frame.pkl.zip"))
    for name, pack in {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}.items():
        write("numpy/packed.pkl." + name, pack(pickle.dumps(collections.OrderedDict(a=numpy.ones(4)))))


class Ref:
    """What torch's pickler writes a global as."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Storage:
    def __init__(self, key, kind, data):
        self.key, self.kind, self.data = key, kind, data


class Tensor:
    def __init__(self, storage, shape):
        self.storage, self.shape = storage, shape


def torch_pickle(value, protocol=2):
    """Pickles tensors as torch.save does: a global, a persistent id."""
    buffer = io.BytesIO()

    class Pickler(pickle._Pickler):
        def persistent_id(self, obj):
            if isinstance(obj, Storage):
                return ("storage", Ref("torch", obj.kind + "Storage"), obj.key, "cpu", len(obj.data) // 4)

        def save(self, obj, save_persistent_id=True):
            if isinstance(obj, Ref):
                self.write(b"c" + obj.module.encode() + b"\n" + obj.name.encode() + b"\n")
                self.memoize(obj)
            elif isinstance(obj, Tensor):
                self.save_reduce(Ref("torch._utils", "_rebuild_tensor_v2"), (obj.storage, 0, obj.shape, (obj.shape[-1], 1)[:len(obj.shape)], False, collections.OrderedDict()), obj=None)
            else:
                super().save(obj, save_persistent_id)

        def save_reduce(self, func, args, *more, **kw):
            if isinstance(func, Ref):
                self.save(func)
                self.save(args)
                self.write(b"R")
                return
            super().save_reduce(func, args, *more, **kw)

    Pickler(buffer, protocol).dump(value)
    return buffer.getvalue()


def torch():
    r = numpy.random.RandomState(7)
    storages = [Storage(str(i), kind, r.bytes(4 * 5000)) for i, kind in enumerate(["Float", "Float", "Int"])]
    state = collections.OrderedDict((n, Tensor(s, (50, 100))) for n, s in zip(["layer.weight", "layer.bias", "steps"], storages))
    checkpoint = {"epoch": 3, "model_state_dict": state, "optimizer_state_dict": {"state": {0: {"step": 1}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.99)}]}}
    for name in ("state.pt", "state.pth", "state.ckpt", "pytorch_model.bin"):
        with zipfile.ZipFile(path("pytorch/" + name), "w", zipfile.ZIP_STORED) as z:
            z.writestr("archive/data.pkl", torch_pickle(checkpoint))
            z.writestr("archive/byteorder", "little")
            for s in storages:
                z.writestr("archive/data/" + s.key, s.data)
            z.writestr("archive/version", "3\n")
            z.writestr("archive/.data/serialization_id", "0636457737946401051300000027264370222922")
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    legacy = b"".join(pickle.dumps(v, protocol=2) for v in (0x1950A86A20F9469CFC6C, 1001, machine)) + torch_pickle(checkpoint)
    legacy += pickle.dumps([s.key for s in storages], protocol=2) + b"".join(struct.pack("<q", len(s.data) // 4) + s.data for s in storages)
    write("pytorch/legacy.pt", legacy)

    def storage(s):
        return torch_pickle((int(s.key), "cpu", Ref("torch", s.kind + "Storage"))) + struct.pack("<q", len(s.data) // 4) + s.data

    def tensor(s):
        return torch_pickle((int(s.key), int(s.key), Ref("torch", s.kind + "Tensor"))) + struct.pack("<i4x", 2) + struct.pack("<5q", 50, 100, 100, 1, 0)

    with tarfile.open(path("pytorch/first.pt"), "w") as t:
        for name, data in {
            "sys_info": pickle.dumps(machine, protocol=2), "pickle": torch_pickle(collections.OrderedDict(a=1)),
            "storages": pickle.dumps(3, protocol=2) + b"".join(map(storage, storages)) + pickle.dumps([], protocol=2),
            "tensors": pickle.dumps(3, protocol=2) + b"".join(map(tensor, storages)),
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))


def boosters():
    import xgboost

    x, y = sklearn.datasets.load_iris(return_X_y=True)
    libraries = {"xgboost": [xgboost.XGBClassifier(n_estimators=3), xgboost.XGBRegressor(n_estimators=3), xgboost.XGBRFClassifier(n_estimators=3)]}
    if importlib.util.find_spec("lightgbm"):
        import lightgbm
        libraries["lightgbm"] = [lightgbm.LGBMClassifier(n_estimators=3, verbose=-1), lightgbm.LGBMRegressor(n_estimators=3, verbose=-1)]
    for lib, models in libraries.items():
        for i, m in enumerate(models):
            m.fit(x, y)
            write("%s/%d.pkl" % (lib, i), pickle.dumps(m))
            write("%s/%d.cloudpickle.pkl" % (lib, i), cloudpickle.dumps(m))
            joblib.dump(m, path("%s/%d.joblib" % (lib, i)), compress=3)
    b = xgboost.train({}, xgboost.DMatrix(x, y), 3)
    for protocol in (2, 5):
        write("xgboost/booster-%d.pkl" % protocol, pickle.dumps(b, protocol=protocol))
    b.save_model(path("xgboost/model.json"))
    b.save_model(path("xgboost/model.ubj"))


for part in sys.argv[2:] or ["scikit", "jobs", "arrays", "torch"]:
    globals()[part]()
