"""What a night that did not come to its end leaves for the next run of the same night."""

from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

from data_contracts.versions import read_document


class Unfinished(BaseModel):
    """What was read, judged and kept, and what that holds for.

    A run of the same cutoff takes it over if all of `spec_digest`, `code_version`, `known_at` and
    `files` are as they were.

    Attributes:
        known_at: The instant up to which rows count, UTC: that which the run pretends to live in
            where rows say when they became known, else the cutoff.
        files: Digest of the files of the source.
        run_id: Of the run that left it.
        issued_at: When that run began, UTC.
        snapshot: Of the series that go on.
        aside: Snapshot of those that do not, empty without any.
        examples: As of an `Extraction`.
        schema_version: Of its JSON.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = 1
    spec_digest: str
    code_version: str
    known_at: AwareDatetime
    files: str
    run_id: str
    issued_at: AwareDatetime
    snapshot: str
    aside: str = ""
    examples: dict[str, str] = {}

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what a run left.

        Raises:
            VersionError: If a newer Nightcast wrote it.
            ValueError: If the text is no such document.
        """
        return read_document(cls, text)
