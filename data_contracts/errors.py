"""What can go wrong, by who has to act. Each message is one sentence that a person understands.

The command ends with the exit status beside the name:

    NightcastError          exit status 3   something broke
    ├── RefusedError        exit status 1   the data or the gate refused; nothing was published
    │   └── ContractError                   a table does not keep its contract
    ├── SpecError           exit status 2   the command or the spec is wrong
    ├── ConflictError       exit status 3   another run did the same thing first
    │   └── OvertakenError                  a newer run does the same; nothing is left to do
    ├── StorageError        exit status 3   the warehouse cannot be read or written
    └── VersionError        exit status 3   a newer Nightcast wrote what is there
"""


class NightcastError(Exception):
    """Something broke."""

    exit_status = 3


class RefusedError(NightcastError):
    """The data or the gate refused, and nothing was published."""

    exit_status = 1


class SpecError(NightcastError):
    """The command or the spec is wrong; nothing was read or written."""

    exit_status = 2


class ConflictError(NightcastError):
    """Another run changed the same record first; the caller decides again or gives up."""


class OvertakenError(ConflictError):
    """A newer run has done the same already, or is about to: nothing is left to do."""


class StorageError(NightcastError):
    """The warehouse cannot be read or written, or what it holds is damaged."""


class VersionError(NightcastError):
    """A table or a file was written by a newer Nightcast; nothing was changed."""


class ContractError(RefusedError):
    """A table does not keep its contract.

    Attributes:
        contract: Name of the contract that is broken.
        findings: One sentence per broken expectation.
    """

    def __init__(self, contract: str, findings: list[str]) -> None:
        self.contract = contract
        self.findings = findings
        super().__init__(f"Contract '{contract}' is broken: " + " ".join(findings))
