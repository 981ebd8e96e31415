"""Tables of transcripts: read right, or every bad line and every unclear column named."""

import pytest

from pipelines.corpus.rejects import Reject
from pipelines.corpus.tables import Row, read_table
from pipelines.shared.errors import UserError

TEXTS = "Hello there.", "How are you?", "It is fine.", "Good night now."


@pytest.fixture
def table(tmp_path):
    """Read lines as a table: (id, text, speaker) of each row, or the reason."""

    def read(*lines: str, encoding: str = "utf-8", columns: str = ""):
        path = tmp_path / "metadata.csv"
        path.write_bytes("\n".join(lines).encode(encoding))
        found = read_table(path, columns)
        assert all(isinstance(one, Row | Reject) for one in found)
        return [one[1:] if isinstance(one, Row) else (one.what.rsplit(":")[-1], one.reason) for one in found]

    return read


def lines(*columns) -> list[str]:
    return ["|".join([f"a{i}", *cells]) for i, cells in enumerate(zip(*columns, strict=True))]


WANTED = [(f"a{i}", text, "") for i, text in enumerate(TEXTS)]
SPEAKERS = "ann", "bob", "ann", "ann"
WITH_SPEAKER = [(name, text, speaker) for (name, text, _), speaker in zip(WANTED, SPEAKERS, strict=True)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_two_columns_are_id_and_text(table, encoding):
    """H."""
    assert table(*lines(TEXTS), encoding=encoding) == WANTED


def test_tabs_separate_too(table):
    """H."""
    assert table(*(line.replace("|", "\t") for line in lines(TEXTS))) == WANTED


def test_of_two_texts_the_second_is_normalized(table):
    """H."""
    raw = "Hello Mr. X.", "How R U?", "It is 1.", "Gd night now."
    assert table(*lines(raw, TEXTS)) == WANTED
    assert table(*lines(raw[:3], TEXTS[:3]), f"a3|{TEXTS[3]}", "") == WANTED


def test_a_speaker_is_not_spoken(table):
    """H."""
    assert table(*lines(TEXTS, SPEAKERS)) == WITH_SPEAKER
    assert table(*lines(SPEAKERS, TEXTS)) == WITH_SPEAKER
    assert table(*lines(TEXTS, ["Ann of B"] * 4)) == [(*one[:2], "Ann of B") for one in WANTED]


def test_what_may_be_a_speaker_or_a_text_is_asked_for(table):
    """H."""
    unclear = lines(TEXTS, ("ann", "bob", "cid", "dan"))
    with pytest.raises(
        UserError, match=r"metadata.csv: columns 2 and 3 may be .*'ann' beside 'Hello there.'.*--columns"
    ):
        table(*unclear)
    found = table(*unclear, columns="id|text|speaker")
    assert [one[2] for one in found] == ["ann", "bob", "cid", "dan"]
    assert table(*unclear, columns="id|text|-") == WANTED


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("id|text|speaker", (TEXTS, SPEAKERS)),
        ("file|speaker_id|duration|sentence", (SPEAKERS, "1234", TEXTS)),
        ("Path|Transcript|client_id|x|y", (TEXTS, SPEAKERS, "1234", "5678")),
    ],
)
def test_a_header_says_what_the_columns_are(table, header, columns):
    """H."""
    assert table(header, *lines(*columns)) == WITH_SPEAKER


def test_bad_lines_are_named_and_the_others_read(table):
    """H."""
    found = table(*lines(TEXTS), "no column", "b|", "|c", "d|one|two", "")
    assert found == [
        *WANTED,
        ("5", "has 1 columns; expected id|text"),
        ("6", "has an empty text"),
        ("7", "has an empty id"),
        ("8", "has 3 columns; expected id|text"),
    ]
    found = table(*lines(TEXTS[:3]), "a3|Déjà vu.", encoding="latin-1")
    assert found[1:] == WANTED[:3] and found[0][1].startswith("byte 0xE9 at 5 is not UTF-8; expected UTF-8; convert")


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        (["one", "two"], "", "metadata.csv has no lines of id.text"),
        ([], "", "has no lines of id.text"),
        (["a|b|c|d"], "", r"has 4 columns; say what they are"),
        (["a|b"], "id|words", "got --columns id.words; expected id, text"),
        (["a|b"], "id|text|text", "got --columns"),
        (["a|b"], "text|-", "got --columns"),
    ],
)
def test_what_is_no_table_is_refused(table, content, columns, message):
    """H."""
    with pytest.raises(UserError, match=message):
        table(*content, columns=columns)


@pytest.mark.parametrize(("encoding", "message"), [("latin-1", "byte 0xE9 at 5"), ("utf-16-le", "holds NUL")])
def test_a_table_in_another_encoding_is_refused(table, encoding, message):
    """H."""
    with pytest.raises(UserError, match=rf"metadata.csv:1: {message}.*iconv"):
        table("a0|Déjà vu.", "a1|Élan vital.", encoding=encoding)
