"""Proof that the adapter of a provider keeps its contract, for those who write one.

With pytest, one test for each check::

    from enclone import conformance

    @pytest.fixture
    def subject(tmp_path):
        return conformance.Subject(PROVIDER, "ideal", tmp_path, {"my_option": 3})

    @pytest.mark.parametrize("check", conformance.CHECKS, ids=conformance.name)
    def test_the_contract(check, subject):
        check(subject)

or all at once, :func:`check_provider`. A check that fails raises :class:`Nonconforming`. Jobs are
sent: three or four by each check, with a few small circuits; run it against a simulation of a
service that costs money.
"""

from enclone.conformance.checks import (
    CHECKS,
    Check,
    check_bit_order,
    check_cancel,
    check_choices,
    check_costs,
    check_device,
    check_equal_seeds,
    check_exactly_once,
    check_limits,
    check_memory,
    check_provider,
    check_record,
    check_results,
    check_tags,
    check_unknown_job,
    name,
)
from enclone.conformance.subject import Nonconforming, Subject

__all__ = [
    "CHECKS",
    "Check",
    "Nonconforming",
    "Subject",
    "check_bit_order",
    "check_cancel",
    "check_choices",
    "check_costs",
    "check_device",
    "check_equal_seeds",
    "check_exactly_once",
    "check_limits",
    "check_memory",
    "check_provider",
    "check_record",
    "check_results",
    "check_tags",
    "check_unknown_job",
    "name",
]
