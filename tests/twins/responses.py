"""The store of responses in memory."""

from dataclasses import dataclass, field

from modelport.serving.remembered import MAX_REMEMBERED_BYTES, Remembered


@dataclass
class TwinResponses:
    """Keeps responses in a dictionary."""

    by_id: dict[str, Remembered] = field(default_factory=dict)

    def save(self, remembered: Remembered) -> bool:
        if remembered.size_bytes > MAX_REMEMBERED_BYTES:
            return False
        self.by_id[remembered.id] = remembered
        return True

    def find(self, response_id: str, account_id: int, now_ms: int) -> Remembered | None:
        found = self.by_id.get(response_id)
        return found if found and found.account_id == account_id and found.expires_at_ms > now_ms else None

    def delete(self, response_id: str, account_id: int, now_ms: int) -> bool:
        found = self.find(response_id, account_id, now_ms)
        return found is not None and self.by_id.pop(found.id) is found

    def sweep(self, now_ms: int, limit: int) -> int:
        expired = sorted(
            (one for one in self.by_id.values() if one.expires_at_ms <= now_ms), key=lambda one: one.expires_at_ms
        )
        for one in expired[:limit]:
            del self.by_id[one.id]
        return len(expired[:limit])
