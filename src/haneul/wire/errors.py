"""The one error class. Rooms raise it by AWS's name; the pipeline alone turns it into bytes.

    errors = Errors("glacier")                     # in a room's errors.py
    raise errors.ResourceNotFoundException(f"Vault not found for ARN: {arn}")

A name that the service's model defines takes its HTTP status from there; a name that AWS
answers but doesn't model (S3's NoSuchBucketPolicy) is listed in the room's errors.py.
"""

from __future__ import annotations

from collections.abc import Callable


class AwsError(Exception):
    """An error as AWS answers it: `code` on the wire, a message for people, an HTTP status, extra members."""

    def __init__(
        self,
        code: str,
        message: str = "",
        status: int = 400,
        headers: dict[str, str] | None = None,
        **members: object,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers or {}
        self.members = members


class Errors:
    """A factory of one service's errors: attribute access by AWS's name gives a constructor."""

    def __init__(self, model: str, **unmodelled: int) -> None:
        self._model = model
        self._statuses: dict[str, int] = dict(unmodelled)
        self._loaded = False

    def __getattr__(self, code: str) -> Callable[..., AwsError]:
        if code.startswith("_"):
            raise AttributeError(code)

        def make(message: str = "", headers: dict[str, str] | None = None, **members: object) -> AwsError:
            return AwsError(code, message, self._status(code), headers, **members)

        self.__dict__[code] = make
        return make

    def _status(self, code: str) -> int:
        status = self._statuses.get(code)
        if status is None and not self._loaded:
            from haneul.wire.model import load  # late: a room that never fails never loads its model for this

            self._loaded = True
            self._statuses = load(self._model).error_statuses() | self._statuses
            status = self._statuses.get(code)
        return 400 if status is None else status
