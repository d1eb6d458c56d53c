"""Results of a cluster in the order of its tasks; a client of its own stands for that of `distributed`."""

import logging
from types import SimpleNamespace

import pytest
from wxml.cluster import in_order
from wxml.errors import ArtefactError


class Later:
    """A result that takes some waiting."""

    def __init__(self, made, patience) -> None:
        self._made, self._left, self.status = made, patience, "pending"

    def result(self, timeout):
        if self._left:
            self._left -= 1
            raise TimeoutError
        self.status = "error"  # as it is where a task raises
        return self._made()


class Client:
    """Does each task when its result is asked for."""

    scheduler = SimpleNamespace(address="tcp://here:1")

    def __init__(self, workers, patience=0) -> None:
        self.workers, self.patience = workers, patience
        self.under_way = self.most = 0

    def nthreads(self):
        return dict.fromkeys(range(self.workers), 1)

    def submit(self, function, task, *, pure):
        assert not pure
        self.under_way += 1
        self.most = max(self.most, self.under_way)

        def made():
            self.under_way -= 1
            return function(task)

        return Later(made, self.patience)


def test_results_come_in_order_and_do_not_pile_up() -> None:
    client = Client(workers=2)
    assert list(in_order(client, lambda task: task * 10, range(9))) == list(range(0, 90, 10))
    assert client.most == 4
    assert list(in_order(client, str, [])) == []


def test_a_cluster_without_workers_is_told_once(caplog) -> None:
    with caplog.at_level(logging.WARNING):
        assert list(in_order(Client(workers=0, patience=3), str, [1])) == ["1"]
    assert [record.message for record in caplog.records] == [
        "the cluster at tcp://here:1 has no worker: waiting for one"
    ]


def test_a_task_that_runs_out_of_time_itself_is_not_waited_for() -> None:
    def late(task):
        raise TimeoutError("the server")

    with pytest.raises(TimeoutError, match="the server"):
        list(in_order(Client(workers=1), late, [1]))


@pytest.mark.carries_out("start workers with the same packages as this machine")
def test_workers_without_a_package_are_told() -> None:
    is_there = False

    def work(task):
        if not is_there:
            raise ModuleNotFoundError("No module named 'wxml_verification'")
        return task

    with pytest.raises(ArtefactError, match=r"a worker of the cluster at tcp://here:1 cannot do its part: No module"):
        list(in_order(Client(workers=1), work, [1]))
    is_there = True
    assert list(in_order(Client(workers=1), work, [1])) == [1]
