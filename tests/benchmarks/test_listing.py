"""What the list of utterances takes, at a size that needs no patience."""

import json
import sys

import pytest

from benchmarks.listing import main
from pipelines.shared.errors import UserError


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what memory is a process's own")
def test_every_utterance_is_listed_and_measured(tmp_path, capsys):
    main(["--utterances", "2500", "--out", str(tmp_path / "out")])
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["utterances"] == 2500 and found["us"] > 0
    assert 35 < found["bytes"] < 5000  # a name, and what a process takes for itself meanwhile
    assert "| 2,500 | " in capsys.readouterr().out


def test_a_number_below_one_is_a_mistake():
    with pytest.raises(UserError, match="got --utterances 0"):
        main(["--utterances", "0"])
