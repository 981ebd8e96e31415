"""The page at `/`: type a text, hear it. Its files are read once, so that `/` answers at once."""

from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pipelines.serving.errors import ApiError

router = APIRouter(include_in_schema=False)
FOLDER = Path(__file__).parent / "page"
MEDIA = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {path.name: path.read_bytes() for path in FOLDER.iterdir() if path.suffix in MEDIA}
TAGS = {name: f'"{sha256(data).hexdigest()[:32]}"' for name, data in FILES.items()}
HEADERS = {
    # Scripts, styles and answers of this server alone; nothing inline, and no page around it.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "cache-control": "no-cache",  # asked for each time, sent when it has changed
}


@router.api_route("/", methods=["GET", "HEAD"])
async def root(request: Request) -> Response:
    """The page; clients also warm up with it."""
    return file(request, "index.html")


@router.api_route("/page/{name}", methods=["GET", "HEAD"])
async def part(name: str, request: Request) -> Response:
    """What the page is made of. A name is looked up, never opened."""
    if name not in FILES:
        raise ApiError(404, f"the page has no file {name[:60]!r}", code="not_found")
    return file(request, name)


def file(request: Request, name: str) -> Response:
    """One file, or 304 for who has it."""
    headers = {**HEADERS, "etag": TAGS[name]}
    if TAGS[name] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(FILES[name], headers=headers, media_type=MEDIA[Path(name).suffix])
