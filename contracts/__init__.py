"""What every driver and every scene keeps to, as suites for pytest: for ours, and for a vendor's.

    from contracts.drivers.prompts import PromptsContract     a test class inherits it,
    from contracts.scenes.suite import SceneSuite              and brings the thing to be judged

Each module begins with what its suite asks of a test: the fixtures by name, and what they give.
Needs pytest and `simulators`; the product imports nothing of it. docs/developing.md has an example
of each.
"""

import pytest

# A suite that fails says what was compared, as a test file of the vendor's own would.
pytest.register_assert_rewrite("contracts.drivers", "contracts.scenes")
