"""Texts of the data as people may see them."""

import re

# Controls of a terminal, breaks of a line, and what turns the direction of a text.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""A text from the data on one line, with � in place of each character that has no sign.

    >>> visible("a\x1b[31mb\nc\x9b")
    'a�[31mb�c�'
    """
    return UNSEEN.sub("\ufffd", text)


def without_secrets(text: str) -> str:
    """A text without what its URIs keep secret: who asks, the password, the query.

    >>> without_secrets("s3://key:se/cret@bucket/a?sig=x is not there")
    's3://***@bucket/a?*** is not there'
    """
    text = re.sub(r"(?<=://)[^\s\"]*@", "***@", text)
    return re.sub(r"(://[^\s\"?]*\?)[^\s\"]+", r"\1***", text)
