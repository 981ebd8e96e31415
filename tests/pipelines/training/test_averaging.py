"""The running mean of weights: it follows what moves, and what does not move keeps its bits."""

import pytest
import torch

pytest.importorskip("lightning", reason="training needs lfsc-tts[train]")
from pipelines.training.averaging import Average


def test_what_does_not_move_keeps_its_bits_and_the_rest_is_the_mean():
    """Signs of zeros too, for the fingerprint of a codec is made of the bits of its frozen encoder."""
    frozen = torch.tensor([-0.0, 0.0, 0.1, 1e-41])
    module = torch.nn.ParameterDict({"frozen": frozen.clone(), "learns": torch.zeros(2)})
    average = Average(0.9)
    module.step = torch.tensor(0)
    average.on_train_start(None, module)
    for step in range(1, 4):
        module.step = torch.tensor(step)
        module["learns"].data.fill_(step)
        average.on_train_batch_end(None, module, None, None, 0)
    assert torch.equal(average.mean["frozen"].view(torch.int32), frozen.view(torch.int32))
    wanted = 0.9 * (0.9 * 0.1 + 0.2) + 0.3
    assert torch.allclose(average.mean["learns"], torch.full((2,), wanted))
