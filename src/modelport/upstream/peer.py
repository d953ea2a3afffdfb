"""Whom we speak to, and the words for what goes wrong with them."""

from dataclasses import dataclass

from modelport.catalogue.facts import Timeouts
from modelport.serving.ports import (
    AnswerTooLarge,
    ConnectFailed,
    CutShort,
    FirstByteTimeout,
    IdleTimeout,
    MalformedAnswer,
    ProviderBusy,
)


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end as messages name it, and how long it may take."""

    name: str
    owner: str
    """Where its settings are, for advice: "provider `acme`"."""
    timeouts: Timeouts

    def unreachable(self, reason: str) -> ConnectFailed:
        """Say that no connection came about."""
        return ConnectFailed(f"{self.name} could not be reached: {reason}. Check the address of {self.owner}.")

    def slow_to_connect(self) -> ConnectFailed:
        """Say that connecting took too long."""
        limit = self.timeouts.connect_s
        return ConnectFailed(
            f"{self.name} could not be reached within {limit:g} s. "
            f"Check the address of {self.owner}, or raise its `timeouts.connect_s`."
        )

    def untrusted(self, reason: str) -> ConnectFailed:
        """Say that the certificate does not prove who answers."""
        return ConnectFailed(
            f"The certificate of {self.name} was not accepted: {reason}. Check the address of {self.owner}; "
            "if its certificate is from an authority of your own, name that in `egress.ca_file`."
        )

    def silent(self) -> FirstByteTimeout:
        """Say that no answer began."""
        limit = self.timeouts.first_byte_s
        return FirstByteTimeout(
            f"{self.name} did not begin to answer within {limit:g} s. "
            f"Try again, or raise `timeouts.first_byte_s` of {self.owner}."
        )

    def stalled(self) -> IdleTimeout:
        """Say that the answer stopped coming."""
        limit = self.timeouts.idle_s
        return IdleTimeout(
            f"{self.name} sent nothing for {limit:g} s in the middle of its answer. "
            f"Try again, or raise `timeouts.idle_s` of {self.owner}."
        )

    def cut(self, *, began: bool) -> CutShort:
        """Say that the connection ended too early."""
        when = "in the middle of its answer" if began else "without answering"
        return CutShort(f"{self.name} closed the connection {when}. Try again.")

    def malformed(self, reason: str) -> MalformedAnswer:
        """Say that what came is not an answer we can read."""
        return MalformedAnswer(
            f"{self.name} sent an answer that cannot be read: {reason}. Check that {self.owner} points at its API."
        )

    def too_large(self, what: str, limit_bytes: int) -> AnswerTooLarge:
        """Say that an answer is beyond a bound."""
        return AnswerTooLarge(f"The {what} of the answer of {self.name} is larger than {limit_bytes} bytes.")

    def busy(self, reason: str) -> ProviderBusy:
        """Say that our own bound is reached."""
        return ProviderBusy(f"{self.name} is busy: {reason}. Try again in a second.", 1)
