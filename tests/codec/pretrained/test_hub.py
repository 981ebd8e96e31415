"""Hub ids: what is one, and what is said without a network."""

import pytest

from codec import load
from codec.pretrained.hub import is_hub_id


def test_what_is_a_hub_id():
    assert is_hub_id("nvidia/low-frame-rate-speech-codec-22khz")
    assert is_hub_id("nvidia/nemo-nano-codec-22khz-1.89kbps-21.5fps@3c482a4")
    assert not is_hub_id("runs/codec/codec/")
    assert not is_hub_id("models/x.nemo")
    assert not is_hub_id("x")


def test_a_hub_id_without_a_network(monkeypatch):
    pytest.importorskip("huggingface_hub", reason="hub ids need huggingface_hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError, match="give its path"):
        load("nvidia/low-frame-rate-speech-codec-22khz-none")
