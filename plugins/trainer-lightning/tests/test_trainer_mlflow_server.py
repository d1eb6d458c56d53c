"""A server of MLflow: one that asks for a token, falls ill and comes back; `wxml track sync` and `wxml track login`."""

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
from wxml_trainer_lightning.tracking import outlet, tokens
from wxml_trainer_lightning.tracking.command import track
from wxml_trainer_lightning.tracking.mlflow_records import MlflowRecords
from wxml_trainer_lightning.tracking.trackers import tracked as open_trackers

PREFIX = "/api/2.0/mlflow/"


class MlflowServer(ThreadingHTTPServer):
    """The few answers that a tracker asks for; keeps runs in memory.

    Attributes:
        token: what a request must have.
        is_ill: whether it answers every request with an error.
        runs: id → the run, as MLflow writes it in JSON.
        tokens: the path of each request, and its header with a token.
    """

    daemon_threads = True

    def __init__(self, token: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token, self.is_ill = token, False
        self.runs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.tokens: list[tuple[str, str]] = []

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
        self.server.tokens.append((path, self.headers["Authorization"] or ""))
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
    return tracking("sync", *arguments)


def tracking(*arguments, stdin: str = "") -> str:
    done = CliRunner().invoke(track, [*map(str, arguments)], input=stdin)
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
    "check the address, and give the server's token: wxml track login ADDRESS; what was sent stays, and the same "
    "command sends the rest"
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


# `wxml track login`

SECRET = "open-sesame-4711"  # noqa: S105  # no real one


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The file of tokens of a user who has none yet, and nothing in the environment."""
    for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("wxml_trainer_lightning.tracking.tokens.user_folder", lambda: str(tmp_path / "config" / "wxml"))
    return tmp_path / "config" / "wxml" / "mlflow-tokens.json"


def test_a_kept_token_is_sent_to_its_server_alone_and_is_in_no_file_of_a_run(
    advection, fit, tmp_path, home, caplog
) -> None:
    caplog.set_level("DEBUG", "wxml")
    with MlflowServer(SECRET).serving() as server, MlflowServer("another").serving() as other:
        said = tracking("login", f"{server.address}/", stdin=f"{SECRET}\n")
        assert said == f"{server.address}: its token is kept in {home}\n"
        assert home.stat().st_mode & 0o777 == 0o600
        assert tracking("login") == f"{server.address}\n"
        fit(advection, tmp_path / "run", tracker={"plugin": "mlflow", "address": server.address})
        assert losses(server) == list(range(1, 13))
        assert " 0 numbers and 2 files sent" in sync(tmp_path / "run", "--to", server.address)
        with pytest.raises(ArtefactError, match="the token is refused"):
            sync(tmp_path / "run", "--to", other.address)
    assert {name for _, name in other.tokens} == {""}
    written = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]
    assert SECRET not in caplog.text + said


@pytest.mark.carries_out("check the address, and make a new token where the server gives them; nothing was kept")
def test_a_token_that_the_server_refuses_is_not_kept(home) -> None:
    with MlflowServer(SECRET).serving() as server:
        with pytest.raises(ArtefactError, match=r"did not take the token: .*the token is refused"):
            tracking("login", server.address, stdin="wrong-word\n")
        assert not home.exists()
        tracking("login", server.address, stdin=SECRET)
        with pytest.raises(ArtefactError, match="nothing was kept"):
            tracking("login", server.address, stdin="wrong-word\n")
        assert json.loads(home.read_text()) == {server.address: SECRET}
    with pytest.raises(ArtefactError, match=server.address):
        tracking("login", server.address, stdin="whatever")


def test_a_token_of_the_environment_or_of_the_tracker_counts_first(tmp_path, home, monkeypatch) -> None:
    with MlflowServer().serving() as server:
        tracking("login", server.address, stdin=f"{SECRET}\n")
        server.tokens.clear()
        MlflowRecords(server.address).check()
        MlflowRecords(server.address, token="the-trackers").check()  # noqa: S106  # no real one
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "the-environments")
        MlflowRecords(server.address).check()
        assert [name for _, name in server.tokens] == [
            f"Bearer {name}" for name in (SECRET, "the-trackers", "the-environments")
        ]
        assert {"MLFLOW_TRACKING_TOKEN": "the-environments"}.items() <= os.environ.items()


@pytest.mark.carries_out("name one of them")
def test_a_token_is_removed(home) -> None:
    tokens.keep_token("https://mlflow.example", SECRET)
    tokens.keep_token("http://localhost:5000", "another")
    with pytest.raises(ArtefactError, match=r"have one: http://localhost:5000, https://mlflow.example"):
        tracking("login", "http://mlflow.example", "--remove")  # a token for https is not sent unencrypted
    tracking("login", "https://MLFLOW.example:443/", "--remove")
    assert json.loads(home.read_text()) == {"http://localhost:5000": "another"}
    tracking("login", "http://localhost:5000", "--remove")
    assert not home.exists()
    assert tracking("login") == "no server has a token\n"
    assert CliRunner().invoke(track, ["login", "--remove"]).exit_code == 2


@pytest.mark.skipif(os.name != "posix", reason="files have no modes")
@pytest.mark.carries_out("chmod 600 {}", "remove it, and log in again: wxml track login ADDRESS")
def test_tokens_that_others_may_read_or_that_are_damaged_are_not_used(home) -> None:
    tokens.keep_token("https://mlflow.example", SECRET)
    home.chmod(0o640)
    with pytest.raises(ArtefactError, match="others may read the tokens"):
        MlflowRecords("https://mlflow.example").check()
    home.chmod(0o600)
    assert tokens.kept_token("https://mlflow.example/") == SECRET
    home.write_text(json.dumps({"https://mlflow.example": [SECRET]}))
    with pytest.raises(ArtefactError, match="is damaged") as caught:
        tokens.kept_token("https://mlflow.example")
    assert SECRET not in f"{caught.value}"
    assert caught.value.__cause__ is None
    home.unlink()
    tokens.keep_token("https://mlflow.example", SECRET)
    assert tokens.kept_servers() == ["https://mlflow.example"]


@pytest.mark.carries_out("set XDG_CONFIG_HOME to a folder, or MLFLOW_TRACKING_TOKEN")
def test_a_user_without_a_folder_is_told(home, monkeypatch, tmp_path) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("wxml_trainer_lightning.tracking.tokens.user_folder", lambda: f"{os.devnull}/wxml")
        assert tokens.kept_token("https://mlflow.example") is None
        with pytest.raises(ArtefactError, match="no folder for tokens"):
            tokens.keep_token("https://mlflow.example", SECRET)
    tokens.keep_token("https://mlflow.example", SECRET)


@pytest.mark.carries_out("write one without a user, a password and a query; its token is asked for")
@pytest.mark.parametrize(
    "address",
    [
        "sqlite:///mlflow.db",
        "mlflow.example",
        "https://me:hunter2-hunter2@mlflow.example",
        "https://mlflow.example?token=hunter2-hunter2",
        "https://mlflow.example:99999",
        "https://",
        "file:///tmp",
    ],
)
def test_an_address_that_is_no_server_is_refused(home, address) -> None:
    with pytest.raises(ArtefactError, match="has an address like") as caught:
        tracking("login", address, stdin="word")
    assert "hunter2" not in str(caught.value)
    assert tokens.kept_token(address) is None
    assert tokens.server_of("https://[::1]:5000/") == "https://[::1]:5000"


@pytest.mark.carries_out("type or paste it where it is asked for, or give it as the first line of stdin")
@pytest.mark.parametrize("typed", ["", "\n", "two words\n", "h\u00f6r\n", "a\x1bb\n"])
def test_what_is_no_token_is_refused(home, typed) -> None:
    with MlflowServer().serving() as server:
        with pytest.raises(ArtefactError, match="a token is a word"):
            tracking("login", server.address, stdin=typed)
        assert "its token is kept" in tracking("login", server.address, stdin="word-of-mine\n")
