import re
import time

import pytest

from speechllm.text.markup import strip_markup

STRIPPED = {
    "## Title": "Title",
    "# A title #": "A title",
    "Title\n=====\ntext": "Title\n\ntext",
    "#hashtag and #1": "#hashtag and #1",
    "**bold**, *it*, __bold__, _it_, ***both***": "bold, it, bold, it, both",
    "~~gone~~ and `code`": "gone and code",
    "2*3*4 and snake_case_name": "2*3*4 and snake_case_name",
    "a * b * c": "a * b * c",
    "[text](https://example.org)": "text",
    '[text](https://example.org/a_(b) "title")': "text",
    "![a cat](cat.png)": "a cat",
    "[text][1]\n\n[1]: https://example.org": "text\n\n",
    "<https://example.org>": "https://example.org",
    "- one\n* two\n+ three\n1. four": "one\ntwo\nthree\n1. four",
    "- [x] done\n- [ ] open": "done\nopen",
    "> quoted\n>> twice": "quoted\ntwice",
    "End.\n\n* * *\n\nStart.": "End.\n\n\n\nStart.",
    "```python\nprint(1)\n```": "\nprint(1)\n",
    "| a | b |\n|---|---|\n| 1 | 2 |": "a, b\n\n1, 2",
    "&amp; &lt;b&gt; &#233; &nbsp;x AT&T; &c": "& <b> é \xa0x AT&T; &c",
    "a <!-- x --> b<!-- y\nz -->c": "a  bc",
    "<p>One</p><p>Two<br/>three</p>": "\nOne\n\nTwo\nthree\n",
    "<b>x</b> <a href='y'>z</a> <span class=\"q\">w</span>": "x z w",
    "<script>alert(1)</script>text<style>p {}</style>": "text",
    "x < y and y > z, <name>": "x < y and y > z, <name>",
    "footnote.[1] And[2][3] more[12, 13] said[citation needed].": "footnote. And more said.",
    "a note[^1].\n\n[^1]: It says more.": "a note.\n\n",
    "the fact.¹ Another word² here": "the fact. Another word here",
    "E = mc² and 10⁶ m²": "E = mc² and 10⁶ m²",
    "\x1b[1;31mred\x1b[0m \x1b]0;title\x07text": "red text",
    "\\*not emphasis\\*": "*not emphasis*",
    "[[ˈnɑvɪl]] stays": "[[ˈnɑvɪl]] stays",
    "plain text stays, as it is.": "plain text stays, as it is.",
}


@pytest.mark.parametrize(("written", "text"), STRIPPED.items())
def test_markup_goes_and_text_stays(written, text):
    assert strip_markup(written) == text


@pytest.mark.parametrize(
    "text", ["*" * 5000, "[" * 5000, "_a" * 2500, "<!--" * 1000, "<p " * 2000, "`" * 5000, "| " * 3000]
)
def test_broken_markup_takes_no_time(text):
    started = time.perf_counter()
    strip_markup(text)
    assert time.perf_counter() - started < 1


def test_letters_outside_of_tags_and_addresses_are_all_there():
    words = "alpha beta gamma delta epsilon zeta".split()
    marked = "# alpha\n\n- **beta** [gamma](http://x.y)\n> _delta_ `epsilon`[3]\n\n<em>zeta</em>"
    assert re.findall(r"\w+", strip_markup(marked)) == words
