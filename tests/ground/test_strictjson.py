"""Strict JSON: what is refused and where, and that everything else comes through unchanged."""

from __future__ import annotations

import gc
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.ground import strictjson
from mosaic_daemon.ground.errors import InputError

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(['":"', "\\", '\\"', "[{", "a.b", '"'])
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def refusal(data: bytes, **limits: int) -> InputError:
    with pytest.raises(InputError) as caught:
        strictjson.loads(data, source="tasks.json", **limits)
    return caught.value


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_whatever_json_can_say_comes_through(value: Any, ascii_only: bool, indent: int | None) -> None:
    """Any value, however another program spells it, is read as that program meant it."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert strictjson.loads(text.encode(), source="x") == value


@given(VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    """`dumps` and `loads` are inverse, and the text ends with one newline."""
    data = strictjson.dumps(value)
    assert data.endswith(b"\n")
    assert strictjson.loads(data, source="x") == value


@given(st.dictionaries(TEXT, VALUES, min_size=1, max_size=4), st.data())
def test_a_key_that_comes_twice_is_always_found(members: dict[str, Any], data: st.DataObject) -> None:
    """Wherever in an object and however deep the repeated key is, the document is refused by its name."""
    again = data.draw(st.sampled_from(sorted(members)))
    pairs = [*members.items(), (again, data.draw(VALUES))]
    text = "{" + ",".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs) + "}"
    error = refusal(f'[1.5, {{"a": {text}}}]'.encode())
    assert error.problem == f"key {again[:80]!r} appears twice in one object"
    assert error.line_number == 1


@pytest.mark.parametrize(
    ("data", "line", "column", "problem"),
    [
        pytest.param(b'{"a": 1,\n "b": 2,\n "a": 3}', 3, 2, "key 'a' appears twice", id="duplicate key"),
        pytest.param('{"é": 1,  "\\u00e9": 2}'.encode(), 1, 11, "key 'é' appears twice", id="same key, other spelling"),
        pytest.param(b'{"k":"\\\\","a":1,"a":2,"z":"\\\\"}', 1, 17, "key 'a' appears", id="after a final backslash"),
        pytest.param(b"[1,\n NaN]", 2, 2, "NaN is not JSON", id="NaN"),
        pytest.param(b"[-Infinity]", 1, 2, "-Infinity is not JSON", id="infinity"),
        pytest.param(b'{"a":\n1e999}', 2, 1, "1e999 is beyond what a double can hold", id="overflowing number"),
        pytest.param(b"[18446744073709551616]", 1, 2, "is beyond 64 bits", id="integer that would become a float"),
        pytest.param(b"[-9223372036854775809]", 1, 2, "is beyond 64 bits", id="too small an integer"),
        pytest.param(b"[" + b"9" * 5000 + b"]", 1, 2, "is beyond 64 bits", id="integer of 5,000 digits"),
        pytest.param(b'["a",\n "b\\ud800"]', 2, 2, "lone surrogate", id="lone surrogate in a value"),
        pytest.param(b'{"\\udc00": 1}', 1, 2, "lone surrogate", id="lone surrogate in a key"),
        pytest.param(b'["\xc3\xa9",\n "\xff"]', 2, 3, "byte 0xff is not UTF-8", id="latin-1"),
        pytest.param(b'"\xed\xa0\x80"', 1, 2, "byte 0xed is not UTF-8", id="surrogate in UTF-8"),
        pytest.param(b"\xef\xbb\xbf{}", 1, None, "byte order mark", id="BOM"),
        pytest.param("{}".encode("utf-16"), None, None, "UTF-16", id="UTF-16 with BOM"),
        pytest.param("{}".encode("utf-16-le"), None, None, "UTF-16", id="UTF-16 without BOM"),
        pytest.param(b"{}\n{}", 2, 1, "unexpected content", id="trailing text"),
        pytest.param(b'{"a": 1,\n}', 1, 8, "trailing comma", id="trailing comma"),
        pytest.param(b'{"a": 1, oops, "a": 2}', 1, 10, "not JSON", id="syntax error before a duplicate key"),
        pytest.param(b"// no\n{}", 1, 1, "not JSON", id="comment"),
        pytest.param(b'{"a": "b', 1, 9, "unexpected end", id="cut off"),
        pytest.param(b'{"a":1,"b":"{\\"a\\":1,\\"a\\":2', 1, 29, "unexpected end", id="cut off in a string of JSON"),
        pytest.param(b'"a\x01b"', 1, 3, "control character", id="raw control character"),
        pytest.param(b"", None, None, "is empty", id="nothing"),
        pytest.param(b" \n", None, None, "is empty", id="only space"),
    ],
)
def test_refusals_say_what_and_where(data: bytes, line: int | None, column: int | None, problem: str) -> None:
    """Line and column count from 1, and columns count characters."""
    error = refusal(data)
    assert problem in error.problem
    assert (error.line_number, error.column) == (line, column)
    assert error.where.startswith("tasks.json")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'"\\ud83d\\ude00"', id="surrogate pair"),
        pytest.param(b'"\\\\ud800"', id="backslash before ud800"),
        pytest.param(b'[{"a": 1}, {"a": 1}, {"b": {"a": 1}, "a": "a"}]', id="same key in different objects"),
        pytest.param(b"[1e5, 1.50e3, -0, -0.0, 1E-7, 1e-999]", id="numbers written in another way"),
        pytest.param(b'["18446744073709551616", "1e999", "NaN", ":.[{", "\\"a\\":"]', id="offences inside strings"),
        pytest.param(b"[18446744073709551615, -9223372036854775808]", id="limits of 64 bits"),
        pytest.param(b' "a"\r\n\t', id="space around"),
    ],
)
def test_what_only_looks_like_an_offence_is_read(data: bytes) -> None:
    """The fast checks may be suspicious without need; the document is read all the same."""
    assert strictjson.loads(data, source="x") == json.loads(data)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_capped(opening: bytes) -> None:
    """As many levels as allowed pass, one more does not, and 100,000 do no harm."""
    closing = b"]" if opening == b"[" else b"}"
    strictjson.loads(opening * 63 + b"[]" + closing * 63, source="x")
    assert "deeper than 64" in refusal(opening * 64 + b"[]" + closing * 64).problem
    assert "deeper than 64" in refusal(opening * 100_000).problem
    assert "deeper than 2" in refusal(b'["[", [["]"]]]', max_depth=2).problem


def test_brackets_in_strings_are_no_depth() -> None:
    """Text that is full of brackets, quotes and backslashes does not count as nesting."""
    value = ["[" * 100, '{"' * 100, '\\"[' * 100, "\\"]
    assert strictjson.loads(json.dumps(value).encode(), source="x", max_depth=1) == value


def test_size_is_capped_before_parsing() -> None:
    """A document that is too large is not even looked at."""
    strictjson.loads(b"[1]", source="x", max_bytes=3)
    assert refusal(b"\xff\xff\xff\xff", max_bytes=3).problem == "4 bytes are more than the 3 allowed"


@pytest.mark.parametrize("value", [math.nan, [math.inf], {"a": [{"b": -math.inf}]}, (1.0, (math.nan,))])
def test_numbers_that_are_not_json_are_not_written(value: Any) -> None:
    """orjson would write null and lose the fact."""
    with pytest.raises(ValueError, match="NaN"):
        strictjson.dumps(value)


def test_text_is_indented_by_two() -> None:
    """People read and edit the file."""
    assert strictjson.dumps({"a": ["ü"]}) == '{\n  "a": [\n    "ü"\n  ]\n}\n'.encode()


@pytest.mark.parametrize("data", [b"[]", b"["])
def test_the_garbage_collector_is_left_as_it_was(data: bytes) -> None:
    """It is paused while parsing, and comes back even if parsing fails."""
    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        try:
            strictjson.loads(data, source="x")
        except InputError:
            pass
        finally:
            found = gc.isenabled()
            gc.enable()
        assert found is enabled
