"""The app: routes, errors, and what stands before them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from pipelines.serving import codec_routes, errors, listing, page_routes, speech, websocket
from pipelines.serving.guarding import Guard
from pipelines.serving.service import Service
from pipelines.speaking.provenance import software

ROUTERS = (speech.router, websocket.router, codec_routes.router, listing.router, page_routes.router)


def create_app(service: Service) -> FastAPI:
    """An ASGI app that speaks.

    Args:
        service: closed when the app ends.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            service.close()

    app = FastAPI(title=software(), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.service = service
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    if service.settings.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=service.settings.origins, allow_methods=["GET", "POST"], allow_headers=["*"]
        )
    app.add_middleware(Guard, service=service)  # added last, so outermost
    return app
