"""Tables as rows: text with commas or semicolons between, in UTF-8, with or without a mark."""

import csv
import io
from collections import Counter

from milepost_collector.planning.drafts import COLUMNS, Row

_DELIMITERS = (";", ",", "\t")


class TableError(ValueError):
    """A file is no table that we can read; the message says why."""


def read_table(data: bytes) -> list[Row]:
    """Read a table whose first line names its columns.

    Raises:
        TableError: It is not UTF-8, or has columns that nobody knows.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(f"is not UTF-8: byte {error.start}") from None
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    try:
        columns = _columns(next(reader, []))
        begun = reader.line_num
        for cells in reader:
            line, begun = begun + 1, reader.line_num
            if any(cell.strip() for cell in cells):
                rows.append(Row(line, _fields(line, columns, cells)))
    except csv.Error as error:
        raise TableError(f"line {reader.line_num}: {error}") from None
    return rows


def _columns(names: list[str]) -> list[str]:
    columns = [name.strip().lower() for name in names]
    unknown = [name for name in columns if name not in COLUMNS]
    if not columns or unknown:
        named = ", ".join(map(repr, unknown)) or "no columns"
        raise TableError(f"the first line has {named}; known are {', '.join(COLUMNS)}")
    twice = [name for name, times in Counter(columns).items() if times > 1]
    if twice:
        raise TableError(f"the first line has {', '.join(twice)} twice")
    return columns


def _fields(line: int, columns: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) > len(columns):
        raise TableError(f"line {line} has {len(cells)} cells, not {len(columns)}")
    return {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if cell.strip()}
