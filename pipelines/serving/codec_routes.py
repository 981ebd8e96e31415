"""The codec as a service: POST /v1/audio/tokens and /v1/audio/detokenize.

Shapes: K codebooks, T codec frames.
"""

from collections.abc import Iterator

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from pipelines.serving.codecs import sound, tokens
from pipelines.serving.encoding import media_type, open_encoder, rate_of
from pipelines.serving.errors import ApiError
from pipelines.serving.rendering import Encoded, Renderer
from pipelines.serving.requests import DetokenizeRequest
from pipelines.serving.responses import SessionResponse
from pipelines.serving.service import LATER_S, Service
from pipelines.serving.speech import audio, collected, opened
from pipelines.shared.errors import UserError

router = APIRouter()
BODY = {"requestBody": {"content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}}, "required": True}}


def chosen(service: Service, name: str) -> str:
    """The name of a codec; ApiError for one that is not there."""
    try:
        return service.codecs.check(name)
    except UserError as error:
        raise ApiError(400, str(error), "codec", "codec_not_found") from None


@router.post("/v1/audio/tokens", openapi_extra=BODY)
async def audio_tokens(request: Request, codec: str = "") -> Response:
    """Audio, as the body of the request in any format that libsndfile reads -> codes [K][T]."""
    service: Service = request.app.state.service
    name, data = chosen(service, codec), await request.body()
    session = await service.session(request)
    # Nobody listens to codes, so that speech goes first.
    session.speak(tokens(service.codecs, name, data, service.settings.limits.upload_s), 1, LATER_S)
    pieces = await collected(request, session)
    codes, used = np.concatenate([piece.codes for piece in pieces], axis=1), service.codecs.loaded[name]
    body = {
        "codec": name,
        "fingerprint": used.fingerprint,
        "sample_rate": used.sample_rate,
        "frame_rate": used.frame_rate,
        "frames": codes.shape[1],
        "codes": codes.tolist(),
    }
    return JSONResponse(body)


@router.post("/v1/audio/detokenize")
async def detokenize(wanted: DetokenizeRequest, request: Request) -> Response:
    """Codes [K][T] -> audio, as it is decoded."""
    service: Service = request.app.state.service
    name = chosen(service, wanted.codec)
    if len({len(row) for row in wanted.codes}) > 1 or not wanted.codes[0]:
        raise ApiError(400, "codes has rows of different lengths or none; expected [K][T]", "codes", "invalid_codes")
    session = await service.session(request)
    known = service.codecs.loaded.get(name)
    session.speak(decoding(service, name, wanted), known.sample_rate if known else 22_050, LATER_S)
    first = await opened(request, session)
    spoken = service.codecs.loaded[name].sample_rate
    rate = rate_of(wanted.response_format, wanted.sample_rate, spoken)  # no error: it had one before the first piece
    kind = media_type(wanted.response_format, rate)
    return SessionResponse(session, service, audio(session, first), {"x-sample-rate": str(rate)}, kind)


def decoding(service: Service, name: str, wanted: DetokenizeRequest) -> Iterator[Encoded]:
    """The answer, made by the engine's threads. Codes of another shape or range are refused with the first piece."""
    codec = service.codecs[name]
    try:
        codes = np.array(wanted.codes, np.int64)
    except OverflowError:
        raise UserError("codes has numbers that are no codes") from None
    rate = service.output_rate(wanted.response_format, wanted.sample_rate, codec.sample_rate)
    encoder = open_encoder(wanted.response_format, rate, {}, whole=False)
    yield from Renderer(encoder, codec.sample_rate, service.settings.limits.audio_s).whole(sound(codec, codes))
