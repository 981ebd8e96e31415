"""A browser for each module of this folder, and pages in it. Closed in between: playwright holds the event loop."""

import os
import shutil

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
).split()
PATIENCE_MS = 20_000
# Keeps what reaches the loudspeaker: the samples of each source with when they begin, and a meter of the sum.
EAR = """
    window.heard = {sources: [], meter: null, context: null};
    const start = AudioBufferSourceNode.prototype.start;
    const connect = AudioNode.prototype.connect;
    AudioBufferSourceNode.prototype.start = function (when) {
        heard.context = this.context;
        heard.sources.push({when, samples: [...this.buffer.getChannelData(0)]});
        start.call(this, when);
    };
    AudioNode.prototype.connect = function (to) {
        if (to === this.context.destination) {
            if (heard.meter?.context !== this.context) heard.meter = new AnalyserNode(this.context, {fftSize: 8192});
            connect.call(this, heard.meter);
        }
        return connect.call(this, to);
    };
    window.loudness = () => {
        const samples = new Float32Array(8192);
        heard.meter?.getFloatTimeDomainData(samples);
        return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    };
"""


@pytest.fixture(scope="module")
def browser():
    library = pytest.importorskip("playwright.sync_api", reason="the page is tested with playwright, of lfsc-tts[dev]")
    if not CHROMIUM:
        pytest.skip("the page is tested in chromium, which is not installed")
    with library.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, server):
    """Opens the page; `routes` answer some paths in place of the server. Nothing may have been thrown in it."""
    contexts, thrown = [], []

    def opened(routes=None, before="", **options):
        context = browser.new_context(reduced_motion="reduce", permissions=["microphone"], **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: thrown.append(str(error)))
        page.on("console", lambda said: thrown.append(said.text) if "Content Security" in said.text else None)
        page.add_init_script(EAR + before)
        for path, handler in (routes or {}).items():
            page.route(server.url + path, handler)
        page.goto(server.url)
        page.wait_for_selector("#server[data-state=ready]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not thrown
