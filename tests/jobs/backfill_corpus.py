"""Awkward files, as trackers, spreadsheets and editors write them, each with what a backfill makes of it.

Each entry says: the name of the file; its bytes; options of `open_source`; and what is expected. That is either
the values of each row (`{key: {field: value}}`, where only the named fields are compared) with the beginnings of
the reasons of rejected rows, by line, or the message with which the file is refused.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

__all__ = ["CORPUS", "Entry"]


@frozen
class Entry:
    """One file."""

    what: str
    """What is awkward about it."""
    name: str
    data: bytes = field(repr=False)
    rows: dict[str, dict[str, Any]] = field(factory=dict)
    rejects: dict[int, str] = field(factory=dict)
    refused: str | None = None
    options: dict[str, Any] = field(factory=dict)
    says: str = ""
    """Part of what the reader says about the file."""


def csv(text: str, encoding: str = "utf-8") -> bytes:
    """Write a table."""
    return text.encode(encoding)


MEGABYTE = "x" * 1_000_000
DEEP = '{"key": "A", "title": "a", "links": ' + "[" * 100_000 + "]" * 100_000 + "}"
A = {"A": {"title": "a"}}
AB = {"A": {"title": "a"}, "B": {"title": "b"}}

ENCODINGS = [
    Entry("plain", "t.csv", csv("key,title\nA,a\nB,b\n"), AB, says="2 columns separated by commas, UTF-8"),
    Entry("UTF-8 with a mark", "t.csv", csv("key,title\nA,Zürich\n", "utf-8-sig"), {"A": {"title": "Zürich"}},
          says="UTF-8 with a byte order mark"),
    Entry("UTF-16 with a mark", "t.csv", csv("key\ttitle\nA\tZürich\n", "utf-16"), {"A": {"title": "Zürich"}},
          says="separated by tabs, UTF-16"),
    Entry("UTF-16 without a mark", "t.csv", csv("key,title\nA,Zürich\n", "utf-16-le"), {"A": {"title": "Zürich"}},
          says="UTF-16"),
    Entry("UTF-32", "t.csv", csv("key,title\nA,a\n", "utf-32"), A, says="UTF-32"),
    Entry("Windows-1252", "t.csv", csv("key;title\nA;Zürich – „gut“\n", "cp1252"), {"A": {"title": "Zürich – „gut“"}},
          says="separated by semicolons, Windows-1252"),
    Entry("mostly UTF-8, one damaged row", "t.csv", csv("key,title\nA,Genève à l’été\n") + b"B,Z\xfcrich\n",
          {"A": {"title": "Genève à l’été"}}, {3: "it is damaged"}),
    Entry("UTF-16 that ends in the middle of a character", "t.csv", csv("key,title\nA,a\n", "utf-16")[:-1],
          refused="it looks like UTF-16 and cannot be read as that"),
    Entry("JSON Lines in UTF-16", "t.jsonl", csv('{"key": "A", "title": "ü"}\n', "utf-16"), {"A": {"title": "ü"}}),
    Entry("JSON Lines with a mark", "t.jsonl", csv('{"key": "A", "title": "a"}\n', "utf-8-sig"), A),
]  # fmt: skip

TABLES = [
    Entry("semicolons, with commas inside", "t.csv", csv("key;title\nA;one, two, three\n"),
          {"A": {"title": "one, two, three"}}, says="semicolons"),
    Entry("Excel's own first line", "t.csv", csv("sep=;\r\nkey;title\r\nA;a\r\n"), A, says="semicolons"),
    Entry("Excel's trailing rows and columns", "t.csv", csv("key,title,,\r\nA,a,,\r\n,,,\r\n\r\n,,,\r\n"), A),
    Entry("blank lines before the header", "t.csv", csv("\n,,\nkey,title\nA,a\n"), A),
    Entry("a value under a column without a name", "t.csv", csv("key,title,\nA,a,\nB,b,what\n"), A,
          {3: "cell 3 has the value 'what', and its column has no name"}),
    Entry("more cells than columns", "t.csv", csv("key,title\nA,a\nB,b,c\n"), A, {3: "it has 3 cells"}),
    Entry("fewer cells than columns", "t.csv", csv("key,title,priority\nA,a\n"), {"A": {"title": "a"}}),
    Entry("carriage returns only", "t.csv", csv("key,title\rA,a\rB,b\r"), AB),
    Entry("several lines in a cell", "t.csv", csv('key,title,description\nA,a,"one\n\ntwo, ""quoted"""\nB,b,\n'),
          {"A": {"description": 'one\n\ntwo, "quoted"'}, "B": {"title": "b"}}),
    Entry("headers in capitals and with blanks", "t.csv", csv(" Key , TITLE\nA,a\n"), A),
    Entry("headers that differ by blanks", "t.csv", csv("key,title,title \nA,a,b\n"),
          refused="the columns 'title' and 'title ' differ by blanks only"),
    Entry("repeated headers of a list", "t.csv", csv("key,title,comments,comments,comments\nA,a,one,,two\n"),
          {"A": {"comments": ["one", "two"]}}),
    Entry("repeated headers of a single value", "t.csv",
          csv("key,title,priority,priority\nA,a,P1,P1\nB,b,P1,P2\nC,c,,P3\n"),
          {"A": {"priority": "P1"}, "C": {"priority": "P3"}}, {3: "priority has two values, 'P1' and 'P2'"}),
    Entry("a quotation mark never closed", "t.csv", csv('key,title\nA,a\nB,"b\nC,c\n'),
          refused="line 3: the quotation mark that opens a cell on this line is never closed"),
    Entry("a quotation mark closed by the next row's", "t.csv", csv('key,title,description\nA,"a,x\nB,"b",y\n'),
          refused="line 2: the quotation mark that opens a cell on this line is not closed properly"),
    Entry("an open cell with quotation marks on several lines", "t.csv", csv('key,title\nA,"a\nsays ""x""\nand ""y""\nB,b\n'),
          refused="line 2: the quotation mark that opens a cell on this line is never closed"),
    Entry("a cell of blanks", "t.csv", csv("key,title,project,description\nA,a,  ,   \n"), {"A": {"title": "a"}}),
    Entry("the open quotation mark is not on the first line of its row", "t.csv",
          csv('key,title,description\nA,"two\nlines","open\nB,b,c\n'),
          refused="line 3: the quotation mark that opens a cell on this line is never closed"),
    Entry("a quotation mark left open before 20,000 rows", "t.csv", csv('key,title\nA,"a\n' + "B,b\n" * 20_000),
          refused="line 2: the quotation mark that opens a cell on this line is not closed within 5,000 lines"),
    Entry("text behind a closing quotation mark", "t.csv", csv('key,title\nA,a\nB,"5" disk\nC,5" disk\n'),
          {"A": {"title": "a"}, "C": {"title": '5" disk'}}, {3: "text follows a closing quotation mark"}),
    Entry("a cell of a megabyte", "t.csv", csv(f'key,title,description\nA,a,"{MEGABYTE}"\nB,b,{MEGABYTE}\n'),
          {"A": {"description": MEGABYTE}, "B": {"description": MEGABYTE}}),
    Entry("a zero byte in a cell", "t.csv", b"key,title\nA,a\0b\n", {"A": {"title": "a\0b"}}),
    Entry("no header", "t.csv", b"\n\n", refused="the first line must name the columns; it is empty"),
    Entry("an empty file", "t.csv", b"", refused="the first line must name the columns; it is empty"),
    Entry("lists in cells", "t.csv", csv(
        'key,title,attributes.team,links.BLOCKS,links,comments\nA,a,core | web|,B|C,RELATES_TO:D,a|b\n'),
        {"A": {"attributes": {"team": ["core", "web"]}, "comments": "a|b", "links": [
            ("BLOCKS", "B"), ("BLOCKS", "C"), ("RELATES_TO", "D")]}}),
    Entry("lists in cells as JSON", "t.csv", csv(
        'key,title,comments,custom_attributes.n\nA,a,"[""one"", ""two""]","[""x"", ""y""]"\nB,b,[not a list],5\n'),
        {"A": {"comments": ["one", "two"], "custom_attributes": {"n": ["x", "y"]}},
         "B": {"comments": "[not a list]"}}),
    Entry("a title that looks like a list", "t.csv", csv('key,title\nA,"[""one"", ""two""]"\n'),
          {"A": {"title": '["one", "two"]'}}),
    Entry("a row that is nothing but blanks in a key", "t.csv", csv("key,title\n  ,a\nB,b\n"),
          {"B": {"title": "b"}}, {2: "key is missing"}),
]  # fmt: skip

DOCUMENTS = [
    Entry("a key twice in an object", "t.jsonl", csv('{"key": "A", "title": "a", "title": "b"}\n'),
          rejects={1: "the key 'title' is there twice"}),
    Entry("empty lists, null and empty texts", "t.jsonl", csv(
        '{"key": "A", "title": "a", "comments": [], "attributes": {"x": []}, "links": [], "priority": null, '
        '"status": "", "custom_attributes": {}, "archived": false}\n'), {"A": {"title": "a", "values": {}}}),
    Entry("the same link twice, and blanks around a title and a key", "t.jsonl", csv(
        '{"key": " A ", "title": " a ", "links": [{"relationship": "BLOCKS", "to": "B"}, '
        '{"relationship": "BLOCKS", "to": " B "}]}\n'), {"A": {"title": " a ", "links": [("BLOCKS", "B")]}}),
    Entry("empty objects", "t.jsonl", csv(
        '{"key": "A", "title": "a", "comments": {}, "links": {}, "priority": {}}\n'), {"A": {"title": "a", "values": {}}}),
    Entry("a row of a rejects file", "t.jsonl", csv(
        '{"casemgmt_reason": "line 7: priority is wrong", "key": "A", "title": "a"}\n'), {"A": {"title": "a"}}),
    Entry("keys that are no texts", "t.jsonl", csv(
        '{"key": 7, "title": "a"}\n{"key": true, "title": "b"}\n{"key": 7.5, "title": "c"}\n'),
        {"7": {"title": "a"}}, {2: "key must be a text that is not empty, not True", 3: "key must be a text that is not"}),
    Entry("nested 100,000 deep", "t.jsonl", csv(f'{DEEP}\n{{"key": "B", "title": "b"}}\n'),
          {"B": {"title": "b"}}, {1: "it is nested too deeply"}),
    Entry("nested 100,000 deep in an array", "t.json", csv(f'[{DEEP},\n{{"key": "B", "title": "b"}}]'),
          {"B": {"title": "b"}}, {1: "it is nested too deeply"}),
    Entry("half of a character", "t.jsonl", csv('{"key": "A", "title": "\\ud800"}\n{"key": "B", "title": "\\ud83d\\ude00"}\n'),
          {"B": {"title": "😀"}}, {1: "half of a surrogate pair"}),
    Entry("a number that no parser takes", "t.jsonl", csv('{"key": "A", "title": "a", "due_date": ' + "9" * 5000 + "}\n"),
          rejects={1: "this is not JSON"}),
    Entry("line separators that are not line ends", "t.jsonl", csv('{"key": "A", "title": "a\u2028b\x85c"}\n'),
          {"A": {"title": "a\u2028b\x85c"}}),
    Entry("a number as a key, in an array on several lines", "t.json", csv('[\n  {"key": 7,\n   "title": "a"},\n  5\n]\n'),
          {"7": {"title": "a"}}, {4: "the line must hold an object"}),
    Entry("an array that is cut off", "t.json", csv('[{"key": "A", "title": "a"},\n{"key": "B", "ti'),
          {"A": {"title": "a"}}, refused="line 2: the value that begins here does not end; is the file complete?"),
    Entry("an object where an array is due", "t.json", csv('{"key": "A"}'), refused="must hold one JSON array, which begins with [; if it has one object on each line, name it .jsonl"),
    Entry("a line of a megabyte", "t.jsonl", csv(f'{{"key": "A", "title": "a", "description": "{MEGABYTE}"}}\n'),
          {"A": {"description": MEGABYTE}}),
    Entry("an ISO time as a day", "t.jsonl", csv('{"key": "A", "title": "a", "due_date": "2031-05-06T00:00:00Z"}\n'),
          {"A": {"due_date": "2031-05-06"}}),
]  # fmt: skip

JIRA = """\
Summary,Issue key,Issue id,Status,Priority,Assignee,Due Date,Labels,Labels,Comment,Comment,Outward issue link (Blocks)
Disk full,OPS-1,10001,Done,High,ann@example.com,06/May/31 12:00 AM,disk,db,01/Jan/26 10:00 AM;712020:abc;It is full; again,,OPS-2
Slow,OPS-2,10002,To Do,Trivial,,,,,,,
"""
SERVICENOW = """\
"Number","Short description","State","Priority","Assigned to","Work notes"
"INC001","Mail is down","On Hold","1 - Critical","ann@example.com","Looked at it."
"""
GITHUB = """\
[{"number": 17, "title": "Crash", "body": "It crashes.", "state": "CLOSED", "labels": [{"name": "bug"}],
  "assignees": [{"login": "ann"}], "comments": [{"author": {"login": "bob"}, "body": "Me too.",
  "createdAt": "2026-01-01T00:00:00Z"}], "url": "https://example.com"}]
"""

TRACKERS = [
    Entry("Jira's export", "jira.csv", csv(JIRA), {
        "OPS-1": {
            "title": "Disk full", "status": "Closed", "priority": "P2", "assignee": "ann@example.com",
            "due_date": "2031-05-06", "attributes": {"labels": ["disk", "db"]},
            "comments": "712020:abc, 01/Jan/26 10:00 AM:\nIt is full; again", "links": [("BLOCKS", "OPS-2")],
        },
        "OPS-2": {"title": "Slow", "status": "Open", "priority": "P5"},
    }, options={"preset": "jira"}, says="columns left out: Issue id"),
    Entry("ServiceNow's export", "incident.csv", csv(SERVICENOW, "cp1252"), {
        "INC001": {"title": "Mail is down", "status": "In Progress", "priority": "P1", "comments": "Looked at it."},
    }, options={"preset": "servicenow"}),
    Entry("GitHub's issues", "issues.json", csv(GITHUB), {
        "17": {
            "title": "Crash", "description": "It crashes.", "status": "Closed", "assignee": "ann",
            "attributes": {"labels": ["bug"]}, "comments": ["bob, 2026-01-01T00:00:00Z:\nMe too."],
        },
    }, options={"preset": "github"}),
    Entry("columns mapped one by one", "t.csv", csv("Ref,Name,Size\nA,a,3\n"), A,
          options={"columns": {"Ref": "key", "Name": "title"}}, says="columns left out: Size"),
    Entry("a day that is none", "t.csv", csv("key,title,due_date\nA,a,2031-13-01\nB,b,06.05.2031\n"),
          {"B": {"due_date": "2031-05-06"}}, {2: "due_date: '2031-13-01' is not a day"}),
]  # fmt: skip

CORPUS = [*ENCODINGS, *TABLES, *DOCUMENTS, *TRACKERS]
