"""What a plugin is: a subclass of Notifier."""

from __future__ import annotations

import typing

if typing.TYPE_CHECKING:
    from ._host import Host
    from ._model import Alert, Result

S = typing.TypeVar("S")


class SettingError(Exception):
    """Refuses settings. path names the setting, as "url" or "headers.Authorization"; empty: all of them."""

    def __init__(self, path: str, message: str):
        super().__init__(f"{path}: {message}" if path else message)
        self.path, self.message = path, message
        self.problems = [self]

    @classmethod
    def of(cls, problems: list[SettingError]) -> SettingError:
        """Joins several into one."""
        joined = cls("", "; ".join(str(p) for p in problems))
        joined.problems = problems
        return joined


class Notifier(typing.Generic[S]):
    """A notifier. Only notify must be written. Methods are called from several threads at once."""

    settings_type: type[S]
    settings: S  # those in force; set by the SDK before configure is called
    host: Host  # what may be asked of Nightjar, from configure on

    def notify(self, alert: Alert) -> Result:
        """Delivers one alert, within 15 s."""
        raise NotImplementedError

    def configure(self, settings: S) -> None:
        """Takes settings that decoded without a complaint. SettingError refuses them."""

    def health(self) -> str:
        """Returns an empty string while alerts could be delivered, else one sentence, within 2 s."""
        return ""

    def stop(self) -> None:
        """Finishes what is under way, within 5 s."""
