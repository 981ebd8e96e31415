"""The command that serves: what its flags come to."""

import pytest

pytest.importorskip("fastapi", reason="serving needs lfsc-tts[serve]")
from pipelines.serve import keys_of
from pipelines.shared.errors import UserError


@pytest.mark.parametrize(
    ("given", "environment", "keys"),
    [([], None, ()), (["a"], None, ("a",)), ([], " b, c ,", ("b", "c")), (["a"], "b", ("a", "b"))],
)
def test_keys_come_from_both(given, environment, keys):
    assert keys_of(given, environment) == keys


@pytest.mark.parametrize(
    ("given", "environment"), [([""], None), (["a", ""], "b"), ([], ""), ([" "], ","), ([], " , ")]
)
def test_a_key_that_was_meant_and_is_empty_does_not_open_the_server(given, environment):
    with pytest.raises(UserError, match="is empty"):
        keys_of(given, environment)
