"""Who commits, and why, in the history of a table."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deltalake import CommitProperties

MAINTAIN = "maintain"


def signed(reason: str) -> "CommitProperties":
    """What a commit of this command says of itself; attempts that do not conflict are repeated."""
    from deltalake import CommitProperties

    return CommitProperties(
        max_commit_retries=15, custom_metadata={"run_id": MAINTAIN, "reason": reason}
    )
