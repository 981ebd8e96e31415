"""Hub ids: what is said without a network."""

import pytest

from codec import load


def test_a_hub_id_without_a_network(monkeypatch):
    pytest.importorskip("huggingface_hub", reason="hub ids need huggingface_hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError, match="give its path"):
        load("nvidia/low-frame-rate-speech-codec-22khz-none")
