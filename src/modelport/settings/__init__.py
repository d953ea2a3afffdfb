"""Settings: environment variables and one TOML file. The one place that reads the environment."""

from modelport.settings.checks import CREDIT_MAX_USD
from modelport.settings.handover import packed, unpacked
from modelport.settings.load import (
    SettingsInvalid,
    documented,
    load,
    provider_secret,
    type_name,
    unknown_variables,
)
from modelport.settings.sections import Settings

__all__ = [
    "CREDIT_MAX_USD",
    "Settings",
    "SettingsInvalid",
    "documented",
    "load",
    "packed",
    "provider_secret",
    "type_name",
    "unknown_variables",
    "unpacked",
]
