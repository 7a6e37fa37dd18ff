"""Texts of a server as a person reads them: without the JSON, HTML or Markdown around them."""

import html
import json
import re

_LINK = re.compile(r"\[([^\]\[]+)\]\((https?://[^)\s]+)\)")
_EMPHASIS = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_CODE = re.compile(r"`([^`\n]+)`")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_WRAPPED = re.compile(
    r"^An exception with message \[(.*)\] was thrown while processing request\.?$", re.DOTALL
)
_POSITION = re.compile(r"\s{1,99}at \[Source: .*$", re.DOTALL)
_PROPERTIES = re.compile(r", not marked as ignorable \(.*$", re.DOTALL)
_NESTED = 3


def plain_text(text: str) -> str:
    """One line: the message inside JSON, links as ``text (address)``, no tags, no parser positions."""
    found = _message_in(text.strip(), _NESTED)
    wrapped = _WRAPPED.match(found)
    if wrapped is not None:
        found = wrapped.group(1)
    found = _PROPERTIES.sub("", _POSITION.sub("", found))
    if "<" in found and _TAG.search(found) and not found.startswith("<#E::"):
        found = html.unescape(_TAG.sub(" ", found))
    found = _LINK.sub(r"\1 (\2)", found)
    found = _CODE.sub(r"\1", _EMPHASIS.sub(r"\1", found))
    return " ".join(found.split())


def _message_in(text: str, depth: int) -> str:
    if depth == 0 or not text.startswith("{"):
        return text
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(body, dict):
        return text
    for key in ("message", "responseMessage", "reason", "error", "detail"):
        if isinstance(body.get(key), str) and body[key].strip():
            return _message_in(body[key].strip(), depth - 1)
    return text
