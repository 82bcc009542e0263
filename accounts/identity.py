"""Who is asking, as a value that both planes share."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A user who has shown credentials, or nobody (``user_id`` None)."""

    user_id: int | None = None
    username: str = ""
    administrator: bool = False

    @property
    def anonymous(self) -> bool:
        return self.user_id is None


ANONYMOUS = Identity()
