"""What Ray Serve is told, and by which flags; without a Ray that runs."""

import socket

import pytest

from pipelines import serve
from pipelines.serving.settings import Limits, Replicas, Settings
from pipelines.shared.errors import UserError

pytest.importorskip("ray", reason="replicas need lfsc-tts[serve-ray]")
replicas = pytest.importorskip("pipelines.serving.replicas", reason="replicas need lfsc-tts[serve-ray]")


def test_what_ray_is_told():
    settings = Settings(threads=4, streams=8, limits=Limits(request_s=50.0))
    fixed = replicas.options(settings, Replicas(3, 3))
    assert fixed["num_replicas"] == 3 and "autoscaling_config" not in fixed
    assert fixed["max_ongoing_requests"] == 8 + replicas.SPARE and fixed["max_queued_requests"] == 24
    assert fixed["ray_actor_options"] == {"num_cpus": 4} and fixed["graceful_shutdown_timeout_s"] == 50.0
    assert fixed["backpressure_config"].status_code == 429
    scaling = replicas.options(settings, Replicas(2, 6))["autoscaling_config"]
    assert (scaling.min_replicas, scaling.max_replicas, scaling.target_ongoing_requests) == (2, 6, 6.0)
    assert replicas.options(Settings(streams=1), Replicas(1, 2))["autoscaling_config"].target_ongoing_requests == 1.0


def test_streams_are_measured_once_for_all_replicas(exported_voice):
    told = Settings((str(exported_voice),), streams=7)
    assert replicas.measured(told) == told
    found = replicas.measured(Settings((str(exported_voice),)))
    assert found.streams >= 1 and found == Settings((str(exported_voice),), streams=found.streams)


def test_an_application_is_built_from_flags(exported_voice):
    built = serve.application({"options": f"--voice '{exported_voice}' --streams 5 --replicas 1:4"})
    assert isinstance(built, replicas.serve.Application)
    with pytest.raises(UserError, match="no voice 'nobody'"):
        serve.application({"options": "--voice nobody"})


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--ray --replicas 0", "got --replicas 0"),
        ("--ray --replicas 3:2", "got --replicas 3:2"),
        ("--ray --replicas two", "got --replicas two"),
        ("--replicas 2", "are served by --ray"),
        ("--ray --threads 0", "got --threads 0"),
        ("--ray --port 0", "got --port 0 with --ray"),
    ],
)
def test_mistakes_get_one_line(flags, message):
    with pytest.raises(UserError, match=message):
        serve.main(flags.split())


def test_an_address_that_is_taken_is_found_before_ray_starts():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError, match="cannot be listened at"):
        serve.main(["--ray", "--port", str(taken.getsockname()[1])])
