"""What there is, and how it goes: voices, models, health, figures."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from pipelines.serving.errors import ApiError
from pipelines.serving.requests import MODELS
from pipelines.serving.service import Service

router = APIRouter()


def service_of(request: Request) -> Service:
    """The service of an app."""
    service: Service = request.app.state.service
    return service


@router.get("/v1/audio/voices")
@router.get("/v1/audio/speech/voices", include_in_schema=False)  # of speaches
async def voices(request: Request, legacy: bool = False) -> dict[str, list[Any]]:
    """Who can speak, OpenAI's names as aliases; with `legacy`, which Kokoro-FastAPI has too, names alone."""
    rows = service_of(request).voices.rows()
    return {"voices": [row["id"] for row in rows] if legacy else rows}


@router.get("/v1/models")
@router.get("/v1/audio/models")
async def models(request: Request) -> dict[str, Any]:
    """Names that clients send as `model`; the voices here speak for all of them."""
    created = int(service_of(request).begun_s)
    rows = [
        {"id": name, "name": name, "object": "model", "created": created, "owned_by": "lfsc-tts"} for name in MODELS
    ]
    return {"object": "list", "data": rows, "models": rows}


@router.get("/v1/models/{model}")
async def model(model: str, request: Request) -> dict[str, Any]:
    """One of them."""
    if model not in MODELS:
        raise ApiError(
            404, f"no model {model[:60]!r}; expected one of: {', '.join(MODELS)}", "model", "model_not_found"
        )
    created = int(service_of(request).begun_s)
    return {"id": model, "object": "model", "created": created, "owned_by": "lfsc-tts"}


@router.get("/health")
@router.get("/healthz", include_in_schema=False)
async def health() -> dict[str, str]:
    """Whether the process lives."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(request: Request) -> dict[str, Any]:
    """Whether it is warm; 503 before."""
    service = service_of(request)
    if not service.ready:
        raise ApiError(503, "the server is warming up; try again", code="not_ready")
    return {"status": "ready", **service.gauges()}


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> PlainTextResponse:
    """Figures for Prometheus."""
    service = service_of(request)
    return PlainTextResponse(service.metrics.text(service.gauges()), media_type="text/plain; version=0.0.4")
