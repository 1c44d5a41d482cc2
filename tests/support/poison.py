"""Requests that nobody can use, by what is wrong with them: read in unit tests, and put on the real topic."""

from __future__ import annotations

import gzip
import json

GOOD = {"analysis_type": "trend_analysis", "county_id": "king_wa"}
STRUCTURED = ("content-type", b"application/cloudevents+json")
CE = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/s"), ("ce_type", b"t"))


def request(**fields):
    return json.dumps({**GOOD, **fields}).encode()


def parameter(text):
    """A request with a parameter written just so."""
    return b'{"analysis_type": "trend_analysis", "county_id": "king_wa", "parameters": {"n": %s}}' % text


NOT_USABLE = {
    "empty": b"",
    "blank": b"  ",
    "cut": request()[:-1],
    "two values": request() * 2,
    "comment": b"/* hello */" + request(),
    "single quotes": b"{'a': 1}",
    "byte order mark": b"\xef\xbb\xbf" + request(),
    "utf-16": request().decode().encode("utf-16"),
    "not utf-8": parameter(b'"\xff"'),
    "overlong utf-8": parameter(b'"\xc0\x80"'),
    "utf-8 surrogate": parameter(b'"\xed\xa0\x80"'),
    "lone surrogate": parameter(rb'"\ud800"'),
    "lone low surrogate": parameter(rb'"\udc00 x"'),
    "surrogate in a key": parameter(rb'{"\ud800": 1}'),
    "NaN": parameter(b"NaN"),
    "Infinity": parameter(b"Infinity"),
    "-Infinity": parameter(b"-Infinity"),
    "1e400": parameter(b"1e400"),
    "-1e400": parameter(b"-1e400"),
    "above 64 bit": parameter(b"9223372036854775808"),
    "below 64 bit": parameter(b"-9223372036854775809"),
    "5,000 digits": parameter(b"9" * 5000),
    "nested 10,000 deep": parameter(b"[" * 10_000 + b"]" * 10_000),
    "nested 300 deep": parameter(b"[" * 300 + b"]" * 300),
    "objects 10,000 deep": parameter(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "never closed": parameter(b"[" * 100_000),
    "two members of one name": parameter(b"1, " + b'"n": 2'),
    "two types": b'{"analysis_type": "a", "county_id": "c", "analysis_type": "b"}',
    "raw control character": parameter(b'"\x01"'),
    "raw U+0000": parameter(b'"\x00"'),
    "gzip": gzip.compress(request()),
    "avro": b"\x00\x00\x00\x00\x2a\x02\x10king_wa",
}


WRONG_FIELDS = {
    "unknown field": ({"prority": 3}, "prority", "prority is not known; known are job_id, analysis_type, county_id"),
    "job id no uuid": ({"job_id": "17"}, "job_id", "job_id is '17': "),
    "job id a number": ({"job_id": 17}, "job_id", "job_id is 17: "),
    "type a number": ({"analysis_type": 1}, "analysis_type", "analysis_type is 1: must be text"),
    "type empty": ({"analysis_type": ""}, "analysis_type", "analysis_type is '': "),
    "type a path": ({"analysis_type": "../x"}, "analysis_type", "analysis_type is '../x': "),
    "county with a line": ({"county_id": "king_wa\n"}, "county_id", r"county_id is 'king_wa\n': "),
    "county null": ({"county_id": None}, "county_id", "county_id is null: "),
    "county too long": ({"county_id": "x" * 101}, "county_id", "county_id is "),
    "parameters an array": ({"parameters": []}, "parameters", "parameters is []: "),
    "parameters null": ({"parameters": None}, "parameters", "parameters is null: "),
    "priority above": ({"priority": 10}, "priority", "priority is 10: must be less than or equal to 9"),
    "priority below": ({"priority": -1}, "priority", "priority is -1: "),
    "priority a text": ({"priority": "5"}, "priority", "priority is '5': must be a whole number"),
    "priority a fraction": ({"priority": 5.0}, "priority", "priority is 5.0: "),
    "priority a boolean": ({"priority": True}, "priority", "priority is true: "),
    "deadline no date": ({"deadline": "soon-ish"}, "deadline", "deadline is 'soon-ish': "),
    "deadline without offset": ({"deadline": "2026-11-30T12:00:00"}, "deadline", "deadline is '2026-11-30T12:00:00': "),
    "deadline a day": ({"deadline": "2026-11-30"}, "deadline", "deadline is '2026-11-30': "),
    "deadline no real day": ({"deadline": "2026-02-30T12:00:00Z"}, "deadline", "deadline is "),
    "deadline a number": ({"deadline": 1800000000}, "deadline", "deadline is 1800000000: must be a date"),
    "deadline digits": ({"deadline": "1800000000"}, "deadline", "deadline is '1800000000': must be a date"),
    "deadline a boolean": ({"deadline": True}, "deadline", "deadline is true: "),
    "deadline in year 0": ({"deadline": "0000-01-01T00:00:00Z"}, "deadline", "deadline is "),
    "deadline before year 1": ({"deadline": "0001-01-01T00:00:00+14:00"}, "deadline", "deadline is "),
    "deadline after year 9999": ({"deadline": "9999-12-31T23:59:59-01:00"}, "deadline", "deadline is "),
    "deadline in year 10000": ({"deadline": "10000-01-01T00:00:00Z"}, "deadline", "deadline is "),
    "correlation too long": ({"correlation_id": "x" * 201}, "correlation_id", "correlation_id is "),
    "correlation empty": ({"correlation_id": ""}, "correlation_id", "correlation_id is "),
    "correlation of two lines": ({"correlation_id": "a\nb"}, "correlation_id", r"correlation_id is 'a\nb': "),
}


def without(name):
    return tuple(header for header in CE if header[0] != name)


WRONG_EVENTS = {
    "no specversion": (without("ce_specversion"), "specversion"),
    "old specversion": ((*CE, ("ce_specversion", b"0.3")), "specversion"),
    "no id": (without("ce_id"), "id"),
    "empty id": ((*CE, ("ce_id", b"")), "id"),
    "no source": (without("ce_source"), "source"),
    "no type": (without("ce_type"), "type"),
    "id not utf-8": ((*CE, ("ce_id", b"\xff")), "ce_id"),
    "source with U+0000": ((*CE, ("ce_source", b"/a\x00b")), "source"),
    "source of two lines": ((*CE, ("ce_source", b"/a\nb")), "source"),
    "source without end": ((*CE, ("ce_source", b"/" * 1001)), "source"),
    "correlation not utf-8": ((("correlation_id", b"\xc3"),), "correlation_id"),
    "content type not utf-8": ((("content-type", b"\xff"),), "content-type"),
}
