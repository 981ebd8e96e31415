"""Errors in the shape that OpenAI's clients read: {"error": {"message", "type", "param", "code"}}.

Source: openai/_exceptions.py of the official client; its `APIError` takes these four fields.
"""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

KINDS = {401: "authentication_error", 404: "invalid_request_error", 429: "rate_limit_error"}
CODES = {404: "not_found", 405: "method_not_allowed", 408: "timeout", 413: "body_too_large", 503: "server_overloaded"}
RETRY_S = 1  # clients of OpenAI do not try again after more than 120
CLIENT_GONE = 499  # nginx's number; nobody reads it but the log
logger = logging.getLogger(__name__)


class ApiError(Exception):
    """An answer that is no speech.

    Args:
        status: of HTTP.
        message: for people: what was given, what was expected, what to do.
        param: field of the request that is wrong.
        code: for programs.
    """

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None):
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code

    @property
    def body(self) -> dict[str, Any]:
        """As JSON."""
        kind = KINDS.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        """When to come again, if that helps."""
        again = {"retry-after": str(RETRY_S)} if self.status in (429, 503) else {}
        again |= {"connection": "close"} if self.status == 408 else {}  # the rest of the request is not waited for
        return again | ({"www-authenticate": "Bearer"} if self.status == 401 else {})

    def response(self, request_id: str = "") -> JSONResponse:
        """As an answer; the app names it by itself."""
        return JSONResponse(self.body, self.status, self.headers | ({"x-request-id": request_id} if request_id else {}))


def overloaded(message: str) -> ApiError:
    """More than the machine can speak in real time."""
    return ApiError(429, message, code="server_overloaded")


def as_api_error(error: BaseException) -> ApiError:
    """What went wrong while speaking: ValueErrors are the asker's, all others are logged and ours."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ValueError):
        return ApiError(400, " ".join(str(error).split()), param="input", code="cannot_be_spoken")
    logger.error("speaking failed", exc_info=error)
    return ApiError(500, "speaking failed; the server's log says why", code="internal_error")


def install(app: FastAPI) -> None:
    """Answer every error in this shape."""

    @app.exception_handler(ApiError)
    async def api_error(_request: Request, error: ApiError) -> JSONResponse:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        return from_validation(error.errors()[0]).response()

    @app.exception_handler(HTTPException)
    async def http_error(_request: Request, error: HTTPException) -> JSONResponse:
        return ApiError(error.status_code, str(error.detail), code=CODES.get(error.status_code)).response()

    @app.exception_handler(Exception)
    async def unexpected(_request: Request, error: Exception) -> JSONResponse:
        return as_api_error(RuntimeError(str(error))).response()


def from_validation(first: Mapping[str, Any]) -> ApiError:
    """The first thing that is wrong with a request, as pydantic says it; what was sent is not repeated."""
    places = [str(place) for place in first["loc"] if place not in ("body", "query", "path")]
    param = ".".join(places).encode("ascii", "backslashreplace").decode()[:100] or None
    message = str(first["msg"]).removeprefix("Value error, ")
    return ApiError(400, f"{param}: {message}" if param else message, param, str(first["type"]))
