"""Requests made from the server's own OpenAPI description, and against it: none may be answered with a 5xx.

LFSC_FUZZ says how many in all; `make fuzz` sends ten thousand. Speech is a stub, so that what is tested is what stands
before it; the codec is a real one. Chance never makes a recording or codes that are valid, so these are drawn too.
"""

import os
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

schemathesis = pytest.importorskip(
    "schemathesis", reason="requests from the schema need schemathesis, of lfsc-tts[dev]"
)

from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from pipelines.serving.app import create_app  # noqa: E402
from pipelines.serving.rendering import Encoded  # noqa: E402
from pipelines.serving.settings import Limits, Settings  # noqa: E402
from pipelines.speaking.outputs import wav_header  # noqa: E402
from servers import serving, toy_settings  # noqa: E402

REQUESTS = int(os.environ.get("LFSC_FUZZ", "250"))
SHORT = Encoded(np.zeros(100, np.float32), np.zeros((8, 1), np.int64), data=bytes(200))
schemathesis.openapi.media_type("audio/*", st.binary(max_size=2000))
DESCRIPTION = schemathesis.openapi.from_dict(create_app(SimpleNamespace(settings=Settings())).openapi())
ROUTES = [found.ok() for found in DESCRIPTION.get_all_operations()]
PLAIN = [route for route in ROUTES if not (route.body or route.query or route.path_parameters)]  # of one request each
KINDS = [(route, mode) for route in ROUTES if route not in PLAIN for mode in schemathesis.GenerationMode]
KINDS = [(route, mode) for route, mode in KINDS if mode.is_positive or not route.path_parameters]  # any name is one
SHARES = [len(range(one, max(REQUESTS - len(PLAIN), len(KINDS)), len(KINDS))) for one in range(len(KINDS))]
RECORDINGS = st.builds(
    lambda rate, samples: wav_header(rate, len(samples)) + samples,
    st.sampled_from([8000, 22_050, 44_100]),
    st.binary(min_size=1, max_size=1000).map(lambda half: half + half),
)
CODES = st.integers(1, 4).flatmap(
    lambda frames: st.lists(st.lists(st.integers(0, 2015), min_size=frames, max_size=frames), min_size=8, max_size=8)
)
VALID = {
    "/v1/audio/tokens": RECORDINGS,
    "/v1/audio/detokenize": st.fixed_dictionaries(
        {"codes": CODES}, optional={"response_format": st.sampled_from(["wav", "flac", "mp3", "opus", "pcm"])}
    ),
}


def cases(route, mode) -> st.SearchStrategy:
    """Requests that the description allows, or forbids."""
    found = route.as_strategy(generation_mode=mode)
    if mode.is_negative or route.path not in VALID:
        return found

    def valid(case, body):
        case.body, case.query = body, {}
        return case

    return found | st.builds(valid, found, VALID[route.path])


@pytest.fixture(scope="module")
def stub(exported_voice):
    """A server that says little."""
    with serving(toy_settings(exported_voice, limits=Limits(wait_s=5.0, body_s=5.0))) as running:
        running.service.spoken = lambda *_: iter([SHORT])
        yield running
        assert running.settle()


def test_all_routes_are_described():
    paths = {route.path for route in ROUTES}
    assert {"/v1/audio/speech", "/v1/audio/speech/captioned", "/v1/audio/tokens", "/v1/audio/detokenize"} < paths


@pytest.mark.parametrize("route", PLAIN, ids=lambda route: route.label)
def test_routes_without_parameters_answer(stub, route):
    assert route.Case().call(base_url=stub.url).status_code == 200


@pytest.mark.parametrize(
    ("route", "mode", "share"),
    [(*kind, share) for kind, share in zip(KINDS, SHARES, strict=True)],
    ids=[f"{route.label}-{mode.value}" for route, mode in KINDS],
)
def test_no_request_is_too_odd_for_the_server(stub, route, mode, share):
    statuses = Counter[int]()

    def ask(case) -> None:
        answer = case.call(base_url=stub.url, timeout=120)
        statuses[answer.status_code] += 1
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            error = answer.json()["error"]
            assert error["message"] and set(error) == {"message", "type", "param", "code"}

    while (left := share - statuses.total()) > 0:  # where there are few different ones they are sent again
        thorough = settings(
            max_examples=left,
            deadline=None,
            derandomize="LFSC_FUZZ" not in os.environ,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        thorough(given(case=cases(route, mode))(ask))()
    print(f"{route.label}, {mode.value}: {statuses.total()} requests, by status {dict(sorted(statuses.items()))}")
    assert route.path not in VALID or mode.is_negative or statuses[200]
