"""What tests of the page share: waiting, and answers in place of the server's, where a test must know them."""

import base64
import json
import time

import numpy as np

RATE = 24_000
WORDS = [("Mister", 0.2, 0.7), ("Lee", 0.7, 1.0), ("paid", 1.0, 1.5), ("five", 1.5, 2.0), ("dollars", 2.0, 2.8)]
TEXT = "Mr. Lee—paid $5."
CAST = [
    {"id": "many", "name": "many", "voice": "many"},
    {"id": "af_ann", "name": "af_ann", "voice": "many", "sex": "female", "accent": "US", "about": "190 Hz, calm pace"},
    {"id": "bm_bob", "name": "bm_bob", "voice": "many", "sex": "male", "accent": "GB", "accepts_prompt": True},
    {"id": "heart", "name": "heart", "voice": "heart"},
    {"id": "onyx", "name": "onyx", "voice": "many", "alias_of": "bm_bob"},
]


def until(page, expression: str, patience_s: float = 20.0) -> None:
    """Wait until something is true in a page; playwright's own way needs `eval` there, which the page forbids."""
    end_s = time.monotonic() + patience_s
    while not page.evaluate(expression):
        assert time.monotonic() < end_s, f"never true: {expression}; error shown: {page.inner_text('#error')!r}"
        page.wait_for_timeout(20)


def told(page, text: str, where: str = "status") -> None:
    """Wait until the page says something, in the element of this id."""
    until(page, f"document.getElementById({where!r}).textContent.includes({json.dumps(text)})")


def cast(route) -> None:
    """Who can speak."""
    route.fulfill(json={"voices": CAST})


def refused(route, status: int, message: str) -> None:
    """An error as the server says it."""
    route.fulfill(status=status, json={"error": {"message": message, "type": "x", "param": None, "code": None}})


def event(**body) -> str:
    return f"data: {json.dumps(body)}\n\n"


def tone(seconds: float = 6.0) -> str:
    """Base64 of pcm."""
    wave = 0.2 * np.sin(2 * np.pi * 220 / RATE * np.arange(round(seconds * RATE)))
    return base64.b64encode((wave * 32767).astype("<i2").tobytes()).decode()


def speech(*rest: str) -> str:
    """Events of a tone and its words, and what comes behind them."""
    words = [{"word": word, "start_time": begin, "end_time": end} for word, begin, end in WORDS]
    sentence = [word for word, *_ in WORDS]
    known = event(type="speech.audio.words", sentence=sentence, words=words)
    return "".join([event(type="speech.audio.delta", audio=tone()), known, *rest])


DONE = event(type="speech.audio.done", usage={})


class Speaker:
    """A route that speaks the tone, and keeps what it was asked for."""

    def __init__(self, body: str = ""):
        self.asked, self.body = [], body or speech(DONE)

    def __call__(self, route) -> None:
        self.asked.append(route.request.post_data_json)
        route.fulfill(content_type="text/event-stream", body=self.body)
