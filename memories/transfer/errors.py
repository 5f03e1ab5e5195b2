"""What can be wrong with a file as a whole."""

from __future__ import annotations

from ibex.core.errors import FieldCode, FieldError, InvalidRequest


class UnreadableFile(InvalidRequest):
    """Nothing of the file can be used; the sentence names the place, and never what stands there."""

    def __init__(self, sentence: str, *, code: FieldCode = FieldCode.INVALID_FORMAT, field: str = "file") -> None:
        super().__init__(sentence, field_errors=[FieldError(field, code, sentence)])
