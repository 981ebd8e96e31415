import json

from benchmarks.report.results import command_line, write_results


def test_results_lie_beside_each_other_whatever_dots_are_in_their_name(tmp_path):
    write_results(tmp_path / "v1.0", {"a": 1}, "text\n", {"-cer.png": b"image"})
    assert json.loads((tmp_path / "v1.0.json").read_text()) == {"a": 1}
    assert (tmp_path / "v1.0.md").read_text() == "text\n"
    assert (tmp_path / "v1.0-cer.png").read_bytes() == b"image"


def test_the_numbers_can_go_elsewhere(tmp_path):
    write_results(tmp_path / "out", {}, "", json_path=tmp_path / "numbers.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["numbers.json", "out.md"]


def test_the_command_can_be_pasted_into_a_shell():
    assert command_line("peers.py", ["--voice", "my voice"]) == "python benchmarks/peers.py --voice 'my voice'"
