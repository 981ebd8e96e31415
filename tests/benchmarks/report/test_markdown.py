from benchmarks.report.markdown import markdown_table


def test_a_table_has_a_line_for_the_head_and_for_each_row():
    assert markdown_table(("a", "b"), [["x", 1], ["y", 2]]) == "| a | b |\n|---|---|\n| x | 1 |\n| y | 2 |\n"
