"""Nightjar notifier plugins in Python: a class with one method.

    from dataclasses import dataclass
    from nightjar_plugin import Alert, Notifier, Result, ok, serve, setting

    @dataclass
    class Settings:
        topic: str = setting(required=True, desc="The ntfy topic.")

    class Ntfy(Notifier[Settings]):
        settings_type = Settings

        def notify(self, alert: Alert) -> Result:
            ...  # self.settings.topic
            return ok()

    serve(Ntfy(), name="ntfy", version="1.0.0")

The settings' JSON Schema is made from the dataclass; unknown and missing settings are refused before notify is called. Log
with the module logging: what it writes, and what the plugin prints, reaches the host's log under the plugin's name.
"""

from ._model import (
    Action, Alert, Attachment, Box, Capability, Event, Identity, Result, bad_config, ok, permanent, retry,
)
from ._host import Host, HostError
from ._notifier import Notifier, SettingError
from ._serve import serve
from ._settings import setting

__all__ = [
    "Action", "Alert", "Attachment", "Box", "Capability", "Event", "Host", "HostError", "Identity", "Notifier", "Result",
    "SettingError", "bad_config", "ok", "permanent", "retry", "serve", "setting",
]
