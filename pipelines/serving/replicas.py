"""The server as several replicas under Ray Serve: each is a process with voices and engine threads of its own.

Ray's proxy takes the requests and gives each to one replica; where all are busy a bounded number waits at the proxy.
A replica that dies takes its answers with it: audio is cut, events end with an error, and Ray asks the others then.
"""

import logging
import os
import re
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray import serve
from ray.serve.config import AutoscalingConfig, BackpressureConfig
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.serving.app import create_app
from pipelines.serving.errors import RETRY_S
from pipelines.serving.flags import listening, place_in_url, ready_to_serve
from pipelines.serving.metrics import Metrics
from pipelines.serving.proxy_errors import CALLBACK, IMPORT_PATH, REPLICA
from pipelines.serving.service import Service
from pipelines.serving.settings import Replicas, Settings
from pipelines.serving.transport import GRACE_S
from pipelines.shared.errors import UserError

NAME = "speech"  # of the application and of its deployment
SPARE = 2  # requests at a replica beside those that speak: the page, /ready, figures
BUSY = 0.75  # share of the streams of all replicas that are taken; above it another replica is started
REQUEST_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
ADDRESS = "RAY_ADDRESS"  # of a cluster, in the environment, as for Ray's own commands
ROOT = str(Path(__file__).resolve().parents[2])


class WarmService(Service):
    """Warm before it has started, since Ray sends requests from then on; its figures say whose they are."""

    def __init__(self, settings: Settings):
        super().__init__(settings)
        self.metrics = Metrics(f'replica="{replica_name()}"')

    def start(self) -> None:
        """Raise what keeps it from speaking: Ray logs that, and tries again."""
        self.warmed()


def replica_name() -> str:
    """Of this process."""
    name: str = serve.get_replica_context().replica_id.unique_id
    return name


class Named:
    """An app whose answers say which replica made them, and whose request ids are those of Ray's proxy."""

    def __init__(self, app: ASGIApp):
        self.app, self.name = app, replica_name()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Of ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        if REQUEST_ID.fullmatch(given):
            scope["request_id"] = given

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[REPLICA] = self.name
                del headers["x-request-id"]  # the proxy adds it
            await send(message)

        await self.app(scope, receive, named)


def measured(settings: Settings) -> Settings:
    """With the streams of one replica, measured here and now: one that joins a busy machine would find too few.

    Raises:
        UserError: a voice or a codec that cannot be loaded.
    """
    service = Service(settings)
    try:
        if not settings.streams:
            service.warmed()
        return replace(settings, streams=service.admission.places)
    finally:
        service.close()


def options(settings: Settings, replicas: Replicas) -> dict[str, Any]:
    """What Ray Serve is told of the deployment; settings.streams are those of one replica."""
    found: dict[str, Any] = {
        "name": NAME,
        "ray_actor_options": {"num_cpus": settings.threads},
        "max_ongoing_requests": settings.streams + SPARE,
        # At each proxy. A request counts while Ray chooses its replica too, so as many must fit as may come at once.
        "max_queued_requests": max(settings.limits.queue, settings.streams) * replicas.most,
        "backpressure_config": BackpressureConfig(status_code=429, retry_after_s=RETRY_S),
        "graceful_shutdown_timeout_s": settings.limits.request_s,  # scaling down cuts nobody off
    }
    if replicas.least == replicas.most:
        return found | {"num_replicas": replicas.least}
    scaling = AutoscalingConfig(
        min_replicas=replicas.least,
        max_replicas=replicas.most,
        target_ongoing_requests=max(1.0, BUSY * settings.streams),
    )
    return found | {"autoscaling_config": scaling}


def application(settings: Settings, replicas: Replicas) -> serve.Application:
    """What Ray Serve runs. The settings travel to the replicas, the voices do not: each replica loads them."""
    settings = measured(settings)

    def app() -> Named:
        ready_to_serve()
        return Named(create_app(WarmService(settings)))

    return serve.deployment(**options(settings, replicas))(serve.ingress(app)()).bind()


def run(settings: Settings, replicas: Replicas, host: str, port: int) -> None:
    """Serve until the process is told to end: on the cluster of RAY_ADDRESS, or else on a Ray of its own.

    Raises:
        UserError: a voice that cannot be loaded, an address that is taken, or a cluster that is too small.
    """
    if not port:
        raise UserError("got --port 0 with --ray, which cannot say which port it took; expected 1 to 65535")
    if ADDRESS not in os.environ:
        listening(host, port).close()  # what is taken is said before all that takes long
    wanted = application(settings, replicas)
    told_to_end = signal.getsignal(signal.SIGTERM)
    join_ray(settings.threads * replicas.least, settings.threads * replicas.most)
    signal.signal(signal.SIGTERM, told_to_end)  # Ray's own handler aborts the process after three seconds
    try:
        serve.start(http_options={"host": host, "port": port})
        serve.run(wanted, name=NAME, route_prefix="/")
        address = f"http://{place_in_url(host, port)}"
        print(f"{address}, {'with' if settings.keys else 'without'} keys", file=sys.stderr, flush=True)
        threading.Event().wait()
    finally:
        # Replicas finish what they speak before they end; Ray waits for that longer than whoever ends a server does.
        ending = threading.Thread(target=serve.delete, args=(NAME,), daemon=True)
        ending.start()
        ending.join(GRACE_S)
        ray.shutdown()


def join_ray(least_cpus: int, most_cpus: int) -> None:
    """Connect to a cluster, or start one in which so many replicas have room."""
    if ADDRESS in os.environ:
        ray.init(address=os.environ[ADDRESS], log_to_driver=True, logging_level=logging.WARNING)
        cpus = ray.cluster_resources().get("CPU", 0)
        if cpus < least_cpus:
            raise UserError(
                f"got replicas of {least_cpus} threads together; expected at most the cluster's {cpus:g} CPUs"
            )
        return
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))  # of the replicas
    os.environ[CALLBACK] = IMPORT_PATH
    os.environ.setdefault("RAY_worker_niceness", "0")  # 15 otherwise: everything else would go before speech
    ray.init(
        address="local",
        num_cpus=max(most_cpus, os.cpu_count() or 1),
        include_dashboard=False,
        logging_level=logging.WARNING,
    )
