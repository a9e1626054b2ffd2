"""Questions and answers of the services: what names somebody shows nothing of it."""

import pytest

from sync.contract import services
from sync.contract.messages import Part
from sync.faults import MessageMalformed
from tests.hostile import HOSTILE_JSON

NAMES_NOBODY = {services.Answer, services.StatusFinding, services.StatusAnswer}
SHAPES = [
    shape
    for shape in vars(services).values()
    if isinstance(shape, type) and issubclass(shape, Part) and shape.__module__ == services.__name__
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_what_names_somebody_is_not_shown(shape: type[Part]) -> None:
    assert ("__repr__" in vars(shape)) != (shape in NAMES_NOBODY)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_hostile_json_is_a_malformed_message(name: str, shape: type[Part]) -> None:
    with pytest.raises(MessageMalformed):
        services.decode(HOSTILE_JSON[name][: services.MAX_SERVICE], shape)
