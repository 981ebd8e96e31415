"""Numbers of shards are handed out once each, and what workers raise is said; with a stand-in for Ray."""

from types import SimpleNamespace

import pytest

pytest.importorskip("ray", reason="needs lfsc-tts[ray]")
from ray import exceptions

from pipelines.encoding.on_ray import hand_out, result
from pipelines.encoding.receipts import Receipt
from pipelines.encoding.tasks import Usage
from pipelines.shared.errors import UserError


class Stub:
    """Ray, whose tasks are done when they are waited for, the newest first."""

    exceptions = exceptions

    def __init__(self) -> None:
        self.results: dict[str, object] = {}
        self.most = 0

    def wait(self, references, num_returns):
        self.most = max(self.most, len(references))
        return [references[-1]], references[:-1]

    def get(self, reference):
        found = self.results[reference]
        if isinstance(found, Exception):
            raise found
        return found


def workers(stub: Stub, count: int) -> tuple[list[SimpleNamespace], list[int]]:
    given: list[int] = []

    def remote(number: int) -> str:
        given.append(number)
        stub.results[f"r{number}"] = Receipt(f"t{number}", 1, 1.0, (), ()), Usage(1.0)
        return f"r{number}"

    return [SimpleNamespace(encode=SimpleNamespace(remote=remote)) for _ in range(count)], given


@pytest.mark.parametrize(("count", "numbers"), [(3, [4, 5, 6, 9, 12, 13, 14]), (4, [7, 8]), (1, [1, 2, 3])])
def test_every_number_is_given_once_and_no_worker_has_two(count, numbers):
    stub = Stub()
    actors, given = workers(stub, count)
    found = {number: receipt.task for number, receipt, _ in hand_out(stub, actors, numbers)}
    assert given == numbers and found == {number: f"t{number}" for number in numbers}
    assert stub.most == min(count, len(numbers))


def test_mistakes_of_the_user_come_through_and_lost_workers_are_named():
    stub = Stub()
    stub.results = {
        "mistake": exceptions.RayTaskError("encode", "trace", UserError("the disk is full")),
        "bug": exceptions.RayTaskError("encode", "trace", KeyError("x")),
        "lost": exceptions.RayActorError(),
    }
    with pytest.raises(UserError, match="^the disk is full$"):
        result(stub, "mistake", 3)
    with pytest.raises(exceptions.RayTaskError):
        result(stub, "bug", 3)
    with pytest.raises(UserError, match="shard 3 was given to 4 workers, and all were lost.*without --ray"):
        result(stub, "lost", 3)
