"""What a caller hears of faults: numbers of the national table, and which of two faults it is."""

import pytest

from agent.facade.errors import answer_for
from apdu.social_security.psam import PsamKeyLevel, PsamMissing, PsamUnable
from sync.requests import RequestFault, RequestLost, RequestOffline, RequestTimeout


@pytest.mark.parametrize("request_fault", [RequestOffline, RequestTimeout, RequestLost])
@pytest.mark.parametrize("unable", [PsamMissing(reason="no-slot"), PsamKeyLevel(key="IRK")])
def test_where_no_hsm_can_be_asked_the_caller_hears_what_the_psam_lacked(
    request_fault: type[RequestFault], unable: PsamUnable
) -> None:
    fault = request_fault(service="hsm", milliseconds=2000)
    assert answer_for(fault).result != unable.interface_error
    fault.__cause__ = unable
    assert answer_for(fault).result == unable.interface_error
