"""Writes pandas.parquet: what pandas and pyarrow make of each kind of column."""

import datetime
import decimal
import pathlib

import pandas as pd

frame = pd.DataFrame(
    {
        "width": [0.5, float("nan"), 2.0],
        "count": pd.array([1, None, 3], dtype="Int64"),
        "small": pd.array([1, 2, 255], dtype="uint8"),
        "kind": pd.Categorical(["bolt", "nut", "bolt"]),
        "note": ["Zürich", None, ""],
        "good": pd.array([True, None, False], dtype="boolean"),
        "made": pd.to_datetime(["2026-01-02 03:04:05.678901", None, "1969-12-31 23:59:59.000000"]),
        "zoned": pd.to_datetime(["2026-01-02 03:04:05+02:00"] * 3),
        "day": [datetime.date(2026, 1, 2), None, datetime.date(1960, 5, 6)],
        "price": [decimal.Decimal("19.99"), None, decimal.Decimal("-0.05")],
        "several": [[1, 2], [], None],
    },
    index=[10, 20, 30],
)
frame.to_parquet(pathlib.Path(__file__).with_name("pandas.parquet"))
