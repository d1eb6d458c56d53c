"""A server of MLflow: one that asks for a token, falls ill and comes back; and `wxml track sync`."""

import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from click.testing import CliRunner
from wxml import PluginChoice, TrackedRun
from wxml.errors import ArtefactError
from wxml_trainer_lightning.history import Row
from wxml_trainer_lightning.tracking import outlet
from wxml_trainer_lightning.tracking.command import track
from wxml_trainer_lightning.tracking.trackers import tracked as open_trackers

PREFIX = "/api/2.0/mlflow/"


class MlflowServer(ThreadingHTTPServer):
    """The few answers that a tracker asks for; keeps runs in memory.

    Attributes:
        token: what a request must have.
        is_ill: whether it answers every request with an error.
        runs: id → the run, as MLflow writes it in JSON.
    """

    daemon_threads = True

    def __init__(self, token: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token, self.is_ill = token, False
        self.runs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator["MlflowServer"]:
        thread = threading.Thread(target=self.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join(60)

    def answer(self, call: str, asked: dict[str, Any]) -> dict[str, Any]:
        if call in ("experiments/get-by-name", "experiments/create"):
            return {"experiment_id": "1", "experiment": {"experiment_id": "1", "name": "wxml"}}
        if call == "runs/create":
            number = uuid.uuid4().hex  # MLflow remembers where the artefacts of each run are
            tags = asked.get("tags", [])
            info = {"run_id": number, "run_name": asked.get("run_name"), "experiment_id": "1", "status": "RUNNING"}
            info["artifact_uri"] = f"mlflow-artifacts:/1/{number}/artifacts"
            self.runs[number] = {"info": info, "data": {"tags": tags, "params": [], "metrics": []}}
            return {"run": self.runs[number]}
        if call == "runs/search":
            _, name, _, value = asked["filter"].replace("`", "'").split("'")[0:4]
            tag = {"key": name, "value": value}
            return {"runs": [run for run in self.runs.values() if tag in run["data"]["tags"]]}
        run = self.runs[asked.get("run_id") or asked["run_uuid"]]
        if call == "runs/update":
            run["info"]["status"] = asked["status"]
            return {"run_info": run["info"]}
        if call == "runs/log-batch":
            run["data"]["params"] += asked.get("params", [])
            run["data"]["metrics"] += asked.get("metrics", [])
        if call == "metrics/get-history":
            return {"metrics": [one for one in run["data"]["metrics"] if one["key"] == asked["metric_key"]]}
        return {"run": run}


class _Handler(BaseHTTPRequestHandler):
    server: MlflowServer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer({name: values[0] for name, values in parse_qs(urlparse(self.path).query).items()})

    def do_POST(self) -> None:
        self._answer(json.loads(self._body() or b"{}"))

    def do_PUT(self) -> None:
        self.server.files[self.path] = self._body()
        self._answer({})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"] or 0))

    def _answer(self, asked: dict[str, Any]) -> None:
        path = urlparse(self.path).path
        status, answer = 200, {}
        if self.server.token and self.headers["Authorization"] != f"Bearer {self.server.token}":
            status, answer = 401, {"error_code": "UNAUTHENTICATED", "message": "the token is refused"}
        elif self.server.is_ill:
            status, answer = 500, {"error_code": "INTERNAL_ERROR", "message": "the server is ill"}
        elif path.startswith(PREFIX):
            answer = self.server.answer(path.removeprefix(PREFIX), asked)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def losses(server) -> list[int]:
    metrics = [one for run in server.runs.values() for one in run["data"]["metrics"]]
    return sorted(one["step"] for one in metrics if one["key"] == "training_loss")


def test_a_server_gets_everything_with_its_token(advection, fit, tmp_path, caplog, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_ACCESS", "open-sesame")
    with MlflowServer("open-sesame").serving() as server:
        section = {"plugin": "mlflow", "address": server.address, "token": "${oc.env:MLFLOW_ACCESS}"}
        fit(advection, tmp_path / "run", tracker=section)
        (run,) = server.runs.values()
        assert run["info"]["status"] == "FINISHED"
        assert losses(server) == list(range(1, 13))
        assert json.loads(next(iter(server.files.values())))["training.max_steps"] == "12"
    assert "MLFLOW_TRACKING_TOKEN" not in os.environ
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_token_that_is_refused_costs_nothing_and_is_not_told(advection, fit, tmp_path, caplog, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_ACCESS", "wrong-secret")
    with MlflowServer("open-sesame").serving() as server:
        section = {"plugin": "mlflow", "address": server.address, "token": "${oc.env:MLFLOW_ACCESS}"}
        assert fit(advection, tmp_path / "run", tracker=section).exists()
    assert "the token is refused" in caplog.text
    assert "wrong-secret" not in caplog.text


def test_a_server_that_comes_back_gets_what_it_missed(tmp_path, caplog, monkeypatch) -> None:
    monkeypatch.setattr(outlet, "SEND_SECONDS", 0.05)
    monkeypatch.setattr(outlet, "FIRST_PAUSE", 0.05)
    caplog.set_level("INFO", "wxml")
    with MlflowServer().serving() as server:
        section = PluginChoice(plugin="mlflow", address=server.address, system_metrics=False)
        run = TrackedRun("ill", tmp_path / "ill", "ill", {})
        with open_trackers([section], None, run, {}) as trackers:
            for step in range(1, 4):
                server.is_ill = step == 2
                trackers([Row(step, 0.5, 0.1, 1)])
                wait_until(
                    lambda step=step: "goes on without" in caplog.text if server.is_ill else step in losses(server)
                )
        assert losses(server) == [1, 2, 3]
        assert next(iter(server.runs.values()))["info"]["status"] == "FINISHED"
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        "tracking failed, training goes on without it",
        "tracking goes on",
    ]


def wait_until(is_so) -> None:
    until = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


# `wxml track sync`


def sync(*arguments) -> str:
    done = CliRunner().invoke(track, ["sync", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_an_untracked_run_is_sent_and_nothing_twice(advection, fit, tmp_path) -> None:
    fit(advection, tmp_path / "run", metrics="rmse", callbacks=[{"plugin": "learning-rate", "every": 6}])
    with MlflowServer().serving() as server:
        assert " 0 numbers" not in sync(tmp_path / "run", "--to", server.address, "--parent", "october")
        again = sync(tmp_path / "run", "--to", server.address, "--parent", "october")
        assert " 0 numbers" in again
        parent, run = server.runs.values()
        assert {"key": "mlflow.parentRunId", "value": parent["info"]["run_id"]} in run["data"]["tags"]
        steps = [one["step"] for one in run["data"]["metrics"] if one["key"] == "training_loss"]
        assert sorted(steps) == list(range(1, 13))
        assert run["info"]["status"] == "FINISHED"
        assert {"key": "training.max_steps", "value": "12"} in run["data"]["params"]
        keys = {(one["key"], one["step"]) for one in run["data"]["metrics"]}
        assert {("validation/rmse/t/6h", 12), ("training/learning_rate", 6), ("training/learning_rate", 12)} <= keys


def test_what_a_server_missed_is_sent_to_the_same_run(advection, fit, tmp_path) -> None:
    with MlflowServer().serving() as server:
        fit(advection, tmp_path / "run", tracker={"plugin": "mlflow", "address": server.address})
        (run,) = server.runs.values()
        run["data"]["metrics"] = [one for one in run["data"]["metrics"] if one["step"] != 7]
        sync(tmp_path / "run", "--to", server.address)
        assert losses(server) == list(range(1, 13))


@pytest.mark.carries_out("name the folder of a run that this version of wxml-trainer-lightning has made")
@pytest.mark.carries_out("name the folder of a run that has made a step")
def test_a_folder_without_a_run_is_refused_and_the_named_one_is_sent(advection, fit, tmp_path) -> None:
    with MlflowServer().serving() as server:
        with pytest.raises(ArtefactError, match="says nothing of a training"):
            sync(tmp_path, "--to", server.address)
        fit(advection, tmp_path / "run")
        history = tmp_path / "run" / "history.csv"
        kept = history.rename(tmp_path / "kept.csv")
        with pytest.raises(ArtefactError, match=r"has no history\.csv"):
            sync(tmp_path / "run", "--to", server.address)
        kept.rename(history)
        assert " 0 numbers" not in sync(tmp_path / "run", "--to", server.address)


@pytest.mark.carries_out(
    "check the address, and the token in the variable MLFLOW_TRACKING_TOKEN; what was sent stays, and the same command "
    "sends the rest"
)
def test_a_server_that_refuses_the_token_is_told_and_gets_the_run_with_another(
    advection, fit, tmp_path, monkeypatch
) -> None:
    fit(advection, tmp_path / "run")
    with MlflowServer("open-sesame").serving() as server:
        with pytest.raises(ArtefactError, match="the token is refused"):
            sync(tmp_path / "run", "--to", server.address)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "open-sesame")
        sync(tmp_path / "run", "--to", server.address)
        assert losses(server) == list(range(1, 13))
