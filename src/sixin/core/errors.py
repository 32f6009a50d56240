"""The one tree of errors. A class is what forbids an act; its docstring is what a person reads.

Only the gateway knows HTTP statuses; everyone else raises and catches these.
"""


class SixinError(Exception):
    """Something forbids this."""

    code = "internal"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or self.code).strip())

    @property
    def message(self) -> str:
        """The rule that refused, in one sentence."""
        return str(self.args[0])


class BadRequest(SixinError):
    """The request does not have the form this operation asks for."""

    code = "bad_request"


class Unauthenticated(SixinError):
    """The token is missing, expired, revoked or not ours."""

    code = "unauthenticated"


class Forbidden(SixinError):
    """You may see this, and may not do it."""

    code = "forbidden"


class NotFound(SixinError):
    """There is no such thing, or it is not yours to see: the two answer alike."""

    code = "not_found"


class Conflict(SixinError):
    """This `seq_id` was used before, for another content."""

    code = "conflict"


class TooLate(SixinError):
    """The time in which this could be done has passed."""

    code = "too_late"


class TooLarge(SixinError):
    """This is larger than its limit."""

    code = "too_large"


class RateLimited(SixinError):
    """Too many requests; wait as long as `retry_after_ms` says."""

    code = "rate_limited"

    def __init__(self, retry_after_ms: int) -> None:
        super().__init__(f"Too many requests; try again in {retry_after_ms} ms.")
        self.retry_after_ms = retry_after_ms


class Unavailable(SixinError):
    """The server cannot do this now. Whether it was done, a retry with the same `seq_id` finds out."""

    code = "unavailable"


class Internal(SixinError):
    """The server made a mistake; it is in its log."""

    code = "internal"


BY_CODE: dict[str, type[SixinError]] = {
    error.code: error
    for error in (BadRequest, Unauthenticated, Forbidden, NotFound, Conflict, TooLate, TooLarge, Unavailable, Internal)
}
"""Every code but `rate_limited`, which needs its time: see `from_code`."""


def from_code(code: str, message: str, retry_after_ms: int | None = None) -> SixinError:
    """The error a server answered with. An unknown code, from a newer server, is `Internal`."""
    if code == RateLimited.code:
        return RateLimited(retry_after_ms or 1_000)
    return BY_CODE.get(code, Internal)(message)
