"""One request for each file, which the server answers itself or by a redirect
to the store: for the client it is the same."""

import pathlib

import mlflow


def test_up_and_down(experiment, client, tmp_path):
    content = b"0123456789abcdef" * (1 << 19)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "big").write_bytes(content)
    (tmp_path / "in" / "deep" / "a b 模.txt").write_text("ü")
    (tmp_path / "in" / "empty").write_bytes(b"")
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(tmp_path / "in"), "files")
        mlflow.log_dict({"a": 1}, "a.json")
    back = pathlib.Path(client.download_artifacts(run.info.run_id, "files", str(tmp_path)))
    assert (back / "big").read_bytes() == content
    assert (back / "deep" / "a b 模.txt").read_text() == "ü"
    assert (back / "empty").read_bytes() == b""
    assert mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/a.json") == {"a": 1}
