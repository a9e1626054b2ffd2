"""The issuing authority's own key table, from the file that the settings name."""

from pathlib import Path

from apdu.social_security.city_keys import PUBLIC_KEYS_ONLY, CityKeys, CityKeysFault
from config.model import Keys
from world import World, cause_of
from world.text import NotText, read_text


def city_keys(world: World, settings: Keys) -> CityKeys:
    """The authority's table, where there is one. Raises `CityKeysFault`."""
    if settings.authority is None:
        return PUBLIC_KEYS_ONLY
    try:
        text = read_text(world, Path(settings.authority))
    except OSError as error:
        reason = cause_of(error)
        raise CityKeysFault(table="", entry=settings.authority, reason=reason) from error
    except NotText as error:
        raise CityKeysFault(table="", entry=settings.authority, reason=error.found) from error
    return CityKeys.from_toml(text)
