"""Whether "verified" is true: with each declared value altered, that fact fails on running hosts.

The hosts are queried once, and again only where an altered value changes the query. Values of one field are
altered together, on all entries at once, and each must fail by itself; names of entries one at a time. The
comparison of whole rendered files is left out: it would find most alterations, and hide those that no check
compares with an effective value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from tests.drills.doctored import Altered, alterations, doctored, dotted
from tests.drills.living import Timer
from tests.drills.verifier import Verifier

FILES = ("test_files.py",)


def test_every_altered_value_fails_its_own_check(verifier: Verifier, figure: Callable[[str], None]) -> None:
    timer = Timer()
    undone = verifier.run(traffic=True, without=FILES)
    assert not undone.faults, "\n".join(undone.faults)
    together: dict[str, list[Altered]] = defaultdict(list)
    for one in alterations(verifier.contract):
        if not one.renamed:
            together[one.field].append(one)
    missed, reported, exempt = [], 0, set()
    for _, altered in sorted(together.items()):
        contract = doctored(verifier.contract, altered)
        outcome = verifier.run(contract, without=FILES)
        left = [one for one in altered if not fails(one, outcome.ledger.failed)]
        if left:  # perhaps only a check with traffic finds it
            outcome = verifier.run(contract, traffic=True, without=FILES)
            left = [one for one in left if not fails(one, outcome.ledger.failed)]
        for one in left:
            if one.facts <= set(outcome.ledger.unsupported):
                exempt |= one.facts
            else:
                missed.append(f"{dotted(one.path)}: {one.before!r} -> {one.after!r}: {sorted(one.facts)}")
        reported += len(altered) - len(left)
    figure(
        f"values altered: {sum(map(len, together.values()))} of {len(together)} fields; reported {reported}, "
        f"unsupported on the platform {len(exempt)}, missed {len(missed)}; {timer}"
    )
    assert not missed, "\n".join(missed)
    assert reported


def fails(one: Altered, failed: dict[str, str]) -> bool:
    return bool(one.facts) and one.facts <= set(failed)


def test_every_renamed_entry_is_reported(verifier: Verifier, figure: Callable[[str], None]) -> None:
    """A name is not a fact of its own: under another name the entry is another one, which a check reports."""
    timer = Timer()
    renamed = [one for one in alterations(verifier.contract) if one.renamed]
    missed = []
    for one in renamed:
        contract = doctored(verifier.contract, [one])
        if not verifier.run(contract, without=FILES).faults:
            missed.append(f"{dotted(one.path)}: {one.before!r} -> {one.after!r}")
    figure(f"entries renamed: {len(renamed)}, missed {len(missed)}; {timer}")
    assert renamed
    assert not missed, "\n".join(missed)
